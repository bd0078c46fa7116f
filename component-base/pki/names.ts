/** Subjects and alternative names of certificates, as DER and as data. RFC 5280. */
import {
  addressBytes,
  addressText,
  element,
  elementsOf,
  expectElement,
  malformed,
  oid,
  readElement,
  sequence,
  tags,
  textOf,
} from './der.ts'

export interface Subject {
  readonly commonName: string
  readonly organizations?: readonly string[]
}

/** What a SubjectAltName may name. */
export interface AlternativeNames {
  readonly dnsNames?: readonly string[]
  readonly ips?: readonly string[]
}

const commonNameOid = '550403'
const organizationOid = '55040a'
export const subjectAltNameOid = '551d11'

/** Context-specific tags of GeneralName. */
const general = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const

/** Organizations first, as Go writes them. */
export const encodeSubject = ({ commonName, organizations = [] }: Subject): Buffer => {
  const part = (type: string, value: string): Buffer =>
    element(tags.set, sequence(oid(type), element(tags.utf8, Buffer.from(value))))
  return sequence(
    ...organizations.map((organization) => part(organizationOid, organization)),
    part(commonNameOid, commonName),
  )
}

/** The common name (the last of several, as Go takes it) and the organizations of a Name. */
export const decodeSubject = (name: Buffer): Required<Subject> => {
  const attributes = elementsOf(name).flatMap((set) => {
    if (set.tag !== tags.set) throw malformed()
    return elementsOf(set.content).map((pair) => {
      const type = expectElement(pair.content, tags.oid)
      return { oid: type.content.toString('hex'), value: readElement(type.rest) }
    })
  })
  const valuesOf = (type: string): string[] =>
    attributes.filter((one) => one.oid === type).map(({ value }) => textOf(value))
  return { commonName: valuesOf(commonNameOid).at(-1) ?? '', organizations: valuesOf(organizationOid) }
}

/** The GeneralNames of an extension. */
export const encodeAlternativeNames = ({ dnsNames = [], ips = [] }: AlternativeNames): Buffer =>
  sequence(
    ...dnsNames.map((name) => element(general.dns, Buffer.from(name))),
    ...ips.map((ip) => element(general.ip, addressBytes(ip))),
  )

export interface DecodedNames extends Required<AlternativeNames> {
  readonly emails: readonly string[]
  readonly uris: readonly string[]
}

export const decodeAlternativeNames = (names: Buffer): DecodedNames => {
  const all = elementsOf(expectElement(names, tags.sequence).content)
  const texts = (tag: number): string[] =>
    all.filter((one) => one.tag === tag).map(({ content }) => content.toString('utf8'))
  return {
    dnsNames: texts(general.dns),
    ips: all.filter((one) => one.tag === general.ip).map(({ content }) => addressText(content)),
    emails: texts(general.email),
    uris: texts(general.uri),
  }
}
