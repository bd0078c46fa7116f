/**
 * The subject of a PKCS #10 certification request, read from its DER: what admission wants to know of one, without
 * loading the X.509 library in every API server.
 */

export interface RequestSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

interface Element {
  readonly tag: number
  readonly content: Buffer
  readonly rest: Buffer
}

const tags = { sequence: 0x30, set: 0x31, integer: 0x02, objectIdentifier: 0x06, bmpString: 0x1e } as const
const commonNameOid = '550403'
const organizationOid = '55040a'

const malformed = (): Error => new Error('asn1: structure error')

/** The first element of `bytes`. Throws if it does not fit. */
const readElement = (bytes: Buffer): Element => {
  const tag = bytes[0]
  const first = bytes[1]
  if (tag === undefined || first === undefined) throw malformed()
  let start = 2
  let length = first
  if (first >= 0x80) {
    const digits = first - 0x80
    if (digits === 0 || digits > 4 || bytes.length < 2 + digits) throw malformed()
    length = bytes.readUIntBE(2, digits)
    start += digits
  }
  if (bytes.length < start + length) throw malformed()
  return { tag, content: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) }
}

const expect = (bytes: Buffer, tag: number): Element => {
  const element = readElement(bytes)
  if (element.tag !== tag) throw malformed()
  return element
}

const elementsOf = (bytes: Buffer): Element[] => {
  const elements: Element[] = []
  for (let rest = bytes; rest.length > 0; ) {
    const element = readElement(rest)
    elements.push(element)
    rest = element.rest
  }
  return elements
}

const textOf = ({ tag, content }: Element): string =>
  tag === tags.bmpString ? Buffer.from(content).swap16().toString('utf16le') : content.toString('utf8')

/** `pem`: a CERTIFICATE REQUEST block. Throws Error where there is none or it cannot be read. */
export const requestSubject = (pem: string): RequestSubject => {
  const block = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem)
  if (block === null) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const request = expect(Buffer.from(block[1] ?? '', 'base64'), tags.sequence)
  const info = expect(request.content, tags.sequence)
  const version = expect(info.content, tags.integer)
  const name = expect(version.rest, tags.sequence)
  const attributes = elementsOf(name.content).flatMap((set) => {
    if (set.tag !== tags.set) throw malformed()
    return elementsOf(set.content).map((pair) => {
      const type = expect(pair.content, tags.objectIdentifier)
      return { oid: type.content.toString('hex'), value: textOf(readElement(type.rest)) }
    })
  })
  const valuesOf = (oid: string): string[] => attributes.filter((one) => one.oid === oid).map(({ value }) => value)
  return { commonName: valuesOf(commonNameOid).at(-1) ?? '', organizations: valuesOf(organizationOid) }
}
