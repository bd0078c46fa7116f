/**
 * X.509 certificates for a cluster, on P-256 keys. The X.509 library is loaded when the first one is made: most
 * starts find all certificates on disk.
 */
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import { realClock } from '../clock.ts'

type CryptoKey = webcrypto.CryptoKey

export type CertificateUsage = 'client' | 'server'

export interface CertificateRequest {
  readonly commonName: string
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ips?: readonly string[]
  readonly usages: readonly CertificateUsage[]
  readonly days: number
}

export interface CertificatePair {
  readonly certPem: string
  readonly keyPem: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000
/** Clocks differ between machines: a new certificate is valid a little before it was made. */
const backdateMs = 5 * 60_000

const load = async () => {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto)
  return x509
}

/** A positive serial number of 64 bits. */
const serialNumber = (): string => `00${randomBytes(8).toString('hex')}`

const validity = (days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(realClock.now() - backdateMs),
  notAfter: new Date(realClock.now() + days * dayMs),
})

const generateKeys = async (): Promise<webcrypto.CryptoKeyPair> =>
  (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair

const keyToPem = async (key: CryptoKey): Promise<string> => {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`
}

interface SigningKey {
  readonly key: CryptoKey
  readonly algorithm: EcdsaSigning | RsaSigning
}

type EcdsaSigning = { readonly name: 'ECDSA'; readonly namedCurve: string; readonly hash: 'SHA-256' }
type RsaSigning = { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: 'SHA-256' }

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

/** Ours are P-256, but a CA may come from kubeadm or openssl: RSA and the other curves, PKCS #1, #8 or SEC 1. */
const signingKey = async (pem: string): Promise<SigningKey> => {
  const key = createPrivateKey(pem)
  const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (curve === undefined && key.asymmetricKeyType !== 'rsa') {
    throw new Error(`a CA key of type ${key.asymmetricKeyType} is not supported`)
  }
  const signing: EcdsaSigning | RsaSigning =
    curve === undefined
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' }
  const der = key.export({ type: 'pkcs8', format: 'der' })
  return { key: await webcrypto.subtle.importKey('pkcs8', der, signing, true, ['sign']), algorithm: signing }
}

type NameParts = { CN?: string[]; O?: string[] }[]

const subjectOf = (request: Pick<CertificateRequest, 'commonName' | 'organizations'>): NameParts => [
  ...(request.organizations ?? []).map((organization) => ({ O: [organization] })),
  { CN: [request.commonName] },
]

/** A self-signed certificate authority, valid for `days`. */
export const createCa = async (commonName: string, days = 3650): Promise<CertificatePair> => {
  const x509 = await load()
  const keys = await generateKeys()
  const { KeyUsageFlags } = x509
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: subjectOf({ commonName }),
    ...validity(days),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        KeyUsageFlags.digitalSignature |
          KeyUsageFlags.keyEncipherment |
          KeyUsageFlags.keyCertSign |
          KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: commonName }]),
    ],
  })
  return { certPem: `${cert.toString('pem')}\n`, keyPem: await keyToPem(keys.privateKey) }
}

interface Issuance {
  readonly ca: CertificatePair
  readonly publicKey: CryptoKey
  readonly request: CertificateRequest
}

const sign = async ({ ca, publicKey, request }: Issuance): Promise<string> => {
  const x509 = await load()
  const issuer = new x509.X509Certificate(ca.certPem)
  const signing = await signingKey(ca.keyPem)
  const usages = request.usages.map((usage) =>
    usage === 'client' ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth,
  )
  const names = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subjectOf(request),
    issuer: issuer.subjectName,
    ...validity(request.days),
    publicKey,
    signingKey: signing.key,
    signingAlgorithm: signing.algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension(usages),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  })
  return `${cert.toString('pem')}\n`
}

/** A new key and a certificate for it, signed by `ca`. */
export const issueCertificate = async (ca: CertificatePair, request: CertificateRequest): Promise<CertificatePair> => {
  const keys = await generateKeys()
  const certPem = await sign({ ca, publicKey: keys.publicKey, request })
  return { certPem, keyPem: await keyToPem(keys.privateKey) }
}

/** What a PKCS #10 request asks for; throws if it is no valid request or its signature is wrong. */
export const readCsr = async (
  pem: string,
): Promise<{
  commonName: string
  organizations: string[]
  dnsNames: string[]
  ips: string[]
  publicKey: CryptoKey
}> => {
  const x509 = await load()
  const csr = new x509.Pkcs10CertificateRequest(pem)
  if (!(await csr.verify())) throw new Error('the signature of the certificate request is wrong')
  const alternative = csr.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension)
  const names = alternative?.names.items ?? []
  return {
    commonName: csr.subjectName.getField('CN')[0] ?? '',
    organizations: csr.subjectName.getField('O'),
    dnsNames: names.filter(({ type }) => type === 'dns').map(({ value }) => value),
    ips: names.filter(({ type }) => type === 'ip').map(({ value }) => value),
    publicKey: await csr.publicKey.export(),
  }
}

/** Signs the key of a PKCS #10 request with the names that the caller has checked. */
export const signCsr = (ca: CertificatePair, publicKey: CryptoKey, request: CertificateRequest): Promise<string> =>
  sign({ ca, publicKey, request })
