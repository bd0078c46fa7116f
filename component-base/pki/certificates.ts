/** X.509 certificates for a cluster: authorities, and what they sign. Ours are on P-256 keys. RFC 5280. */
import {
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import { promisify } from 'node:util'
import { realClock } from '../clock.ts'
import type { CertificationRequest } from './certificate-request.ts'
import {
  derTime,
  derTrue,
  element,
  elementsOf,
  expectElement,
  malformed,
  octets,
  oid,
  sequence,
  tags,
  toPem,
} from './der.ts'
import {
  type AlternativeNames,
  encodeAlternativeNames,
  encodeSubject,
  type Subject,
  subjectAltNameOid,
} from './names.ts'
import { signatureAlgorithm, signed } from './signature.ts'
import { encodeUsages, type KeyUsage } from './usages.ts'

export type CertificateUsage = 'client' | 'server'

export interface CertificateRequest extends Subject, AlternativeNames {
  readonly usages: readonly CertificateUsage[]
  readonly days: number
}

export interface CertificatePair {
  readonly certPem: string
  readonly keyPem: string
}

const dayMs = 86_400_000
/** Clocks differ between machines: a new certificate is valid a little before it was made. */
const backdateMs = 5 * 60_000
/** Of shorter lives the five minutes are no longer a trifle: they end as late as was asked. Upstream: Short. */
const shortMs = 8 * 3_600_000

const extensionIds = {
  subjectKey: '551d0e',
  basicConstraints: '551d13',
  authorityKey: '551d23',
} as const
const extensionsTag = 0xa3

/** [0] EXPLICIT: version 3, which is what has extensions. */
const version3 = element(0xa0, element(tags.integer, Buffer.from([2])))

/** A positive serial number of 64 bits. */
const serialNumber = (): Buffer => {
  const bytes = randomBytes(8)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return element(tags.integer, bytes)
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [derTrue] : []), octets(value))

/** SHA-1 of the key's bits: the first of RFC 5280's methods. */
const keyIdentifier = (publicKey: KeyObject): Buffer => {
  const [, bits] = elementsOf(expectElement(publicKey.export({ type: 'spki', format: 'der' }), tags.sequence).content)
  if (bits === undefined) throw malformed()
  return createHash('sha1').update(bits.content.subarray(1)).digest()
}

interface Issuer {
  /** Name as it stands in the CA's certificate: it must be the same to the byte. */
  readonly name: Buffer
  readonly key: KeyObject
  /** The CA's subject key identifier, which others may have made otherwise; undefined if it has none. */
  readonly keyIdentifier: Buffer | undefined
  readonly notAfterMs: number
}

const readIssuer = ({ certPem, keyPem }: CertificatePair): Issuer => {
  const certificate = new X509Certificate(certPem)
  const key = createPrivateKey(keyPem)
  // In the middle of a change of the CA what would be signed would be nobody's.
  if (!certificate.checkPrivateKey(key)) throw new Error("the CA's certificate and key are no pair")
  const [tbs] = elementsOf(expectElement(certificate.raw, tags.sequence).content)
  // version, serial number, algorithm, issuer, validity, subject, key, extensions
  const fields = elementsOf(tbs?.content ?? Buffer.alloc(0))
  const subject = fields[5]
  if (subject === undefined) throw malformed()
  const extensions = fields.find(({ tag }) => tag === extensionsTag)
  const all = extensions === undefined ? [] : elementsOf(expectElement(extensions.content, tags.sequence).content)
  const identifier = all
    .map(({ content }) => elementsOf(content))
    .find(([id]) => id?.content.toString('hex') === extensionIds.subjectKey)
    ?.at(-1)
  return {
    name: subject.whole,
    key,
    keyIdentifier: identifier === undefined ? undefined : expectElement(identifier.content, tags.octets).content,
    notAfterMs: certificate.validToDate.getTime(),
  }
}

interface Issuance {
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly extensions: readonly Buffer[]
}

const issue = (issuer: Pick<Issuer, 'name' | 'key'>, what: Issuance): string => {
  const algorithm = signatureAlgorithm(issuer.key)
  const tbs = sequence(
    version3,
    serialNumber(),
    algorithm,
    issuer.name,
    sequence(derTime(what.notBeforeMs), derTime(what.notAfterMs)),
    what.subject,
    what.publicKey.export({ type: 'spki', format: 'der' }),
    element(extensionsTag, sequence(...what.extensions)),
  )
  return toPem('CERTIFICATE', signed(tbs, algorithm, issuer.key))
}

const generateKeys = async (): Promise<{ publicKey: KeyObject; keyPem: string }> => {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  return { publicKey, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
}

/** A self-signed certificate authority, valid for `days`. */
export const createCa = async (commonName: string, days = 3650): Promise<CertificatePair> => {
  const { publicKey, keyPem } = await generateKeys()
  const name = encodeSubject({ commonName })
  const now = realClock.now()
  const certPem = issue(
    { name, key: createPrivateKey(keyPem) },
    {
      subject: name,
      publicKey,
      notBeforeMs: now - backdateMs,
      notAfterMs: now + days * dayMs,
      extensions: [
        extension(extensionIds.basicConstraints, sequence(derTrue), true),
        ...encodeUsages(['digital signature', 'key encipherment', 'cert sign', 'crl sign']),
        extension(extensionIds.subjectKey, octets(keyIdentifier(publicKey))),
        extension(subjectAltNameOid, encodeAlternativeNames({ dnsNames: [commonName] })),
      ],
    },
  )
  return { certPem, keyPem }
}

/** Extensions of every certificate that is no authority. */
const leafExtensions = (
  issuer: Issuer,
  usages: readonly KeyUsage[],
  alternativeNames: Buffer | undefined,
): readonly Buffer[] => [
  ...encodeUsages(usages),
  extension(extensionIds.basicConstraints, sequence(), true),
  ...(issuer.keyIdentifier === undefined
    ? []
    : [extension(extensionIds.authorityKey, sequence(element(0x80, issuer.keyIdentifier)))]),
  ...(alternativeNames === undefined ? [] : [extension(subjectAltNameOid, alternativeNames)]),
]

const leafUsages = (usages: readonly CertificateUsage[]): readonly KeyUsage[] => [
  'digital signature',
  'key encipherment',
  ...usages.map((usage) => (usage === 'client' ? 'client auth' : 'server auth')),
]

/** A new key and a certificate for it, signed by `ca`. */
export const issueCertificate = async (ca: CertificatePair, request: CertificateRequest): Promise<CertificatePair> => {
  const { publicKey, keyPem } = await generateKeys()
  const issuer = readIssuer(ca)
  const now = realClock.now()
  const hasNames = (request.dnsNames ?? []).length + (request.ips ?? []).length > 0
  const certPem = issue(issuer, {
    subject: encodeSubject(request),
    publicKey,
    notBeforeMs: now - backdateMs,
    notAfterMs: now + request.days * dayMs,
    extensions: leafExtensions(
      issuer,
      leafUsages(request.usages),
      hasNames ? encodeAlternativeNames(request) : undefined,
    ),
  })
  return { certPem, keyPem }
}

/**
 * The certificate for a request, with the subject and the names that it asks for, for `lifetimeMs` but not beyond its
 * CA. Throws when the CA has ended. Upstream: PermissiveSigningPolicy
 */
export const signRequest = (
  ca: CertificatePair,
  request: CertificationRequest,
  { usages, lifetimeMs }: { readonly usages: readonly KeyUsage[]; readonly lifetimeMs: number },
): string => {
  const issuer = readIssuer(ca)
  const now = realClock.now()
  if (issuer.notAfterMs <= now) {
    throw new Error(`the signer has expired: NotAfter=${new Date(issuer.notAfterMs).toISOString()}`)
  }
  const endMs = lifetimeMs < shortMs ? now + lifetimeMs : now + lifetimeMs - backdateMs
  return issue(issuer, {
    subject: request.subjectDer,
    publicKey: request.publicKey,
    notBeforeMs: now - backdateMs,
    notAfterMs: Math.min(endMs, issuer.notAfterMs),
    extensions: leafExtensions(issuer, usages, request.alternativeNamesDer),
  })
}
