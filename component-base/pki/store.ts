/** A directory of certificates under kubeadm's names: made once, kept, renewed when near their end. */
import { createPrivateKey, createPublicKey, generateKeyPair, X509Certificate } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { BlockList } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { realClock } from '../clock.ts'
import { randomSuffix } from '../random.ts'
import { type CertificatePair, type CertificateRequest, createCa, issueCertificate } from './certificates.ts'

/** A certificate of the directory: `apiserver` is `apiserver.crt` and `apiserver.key`. */
export interface CertificateSpec extends CertificateRequest {
  readonly file: string
  /** `ca`, `etcd/ca` or `front-proxy-ca`. */
  readonly ca: string
}

/** All of a PKI: authorities, what they sign, and key pairs without certificate. */
export interface PkiSpec {
  readonly authorities: readonly { readonly file: string; readonly commonName: string }[]
  readonly certificates: readonly CertificateSpec[]
  readonly keyPairs: readonly string[]
}

/** Certificates are renewed this long before they end. */
const renewBeforeMs = 30 * 86_400_000

/** Writes beside, on the disk, and renames, so that nobody ever reads half a file. */
export const writeFileAtomic = (path: string, data: string, mode = 0o644): void => {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${randomSuffix(8)}.tmp`
  const file = openSync(temporary, 'wx', mode)
  try {
    writeSync(file, data)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

const pathsOf = (dir: string, file: string): { cert: string; key: string } => ({
  cert: join(dir, `${file}.crt`),
  key: join(dir, `${file}.key`),
})

const readPair = (dir: string, file: string): CertificatePair | undefined => {
  const { cert, key } = pathsOf(dir, file)
  if (!existsSync(cert) || !existsSync(key)) return undefined
  return { certPem: readFileSync(cert, 'utf8'), keyPem: readFileSync(key, 'utf8') }
}

const writePair = (dir: string, file: string, pair: CertificatePair): void => {
  const { cert, key } = pathsOf(dir, file)
  writeFileAtomic(key, pair.keyPem, 0o600)
  writeFileAtomic(cert, pair.certPem)
}

/** The CA of that name, made if it does not exist. A CA is never replaced: everything trusts it. */
export const ensureCa = async (dir: string, file: string, commonName: string): Promise<CertificatePair> => {
  const known = readPair(dir, file)
  if (known !== undefined) return known
  const { cert } = pathsOf(dir, file)
  // A CA whose key is kept elsewhere is somebody's decision, not ours to overwrite.
  if (existsSync(cert)) throw new Error(`${cert} exists without its key`)
  const ca = await createCa(commonName)
  writePair(dir, file, ca)
  return ca
}

/** True if one of the certificate's addresses is `ip`, however it is spelt: `::1` is `0:0:0:0:0:0:0:1`. */
const coversAddress = (names: readonly string[], ip: string): boolean => {
  const family = ip.includes(':') ? 'ipv6' : 'ipv4'
  const covered = new BlockList()
  for (const name of names) {
    const address = /^IP Address:(.+)$/.exec(name)?.[1]
    if (address !== undefined) covered.addAddress(address, address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return covered.check(ip, family)
}

/** Whether a certificate on disk still serves: its time, its key, its CA, its names. */
const stillGood = ({ certPem, keyPem }: CertificatePair, spec: CertificateSpec, ca: CertificatePair): boolean => {
  try {
    const cert = new X509Certificate(certPem)
    if (cert.validToDate.getTime() - realClock.now() < renewBeforeMs) return false
    if (!cert.checkPrivateKey(createPrivateKey(keyPem))) return false
    if (!cert.verify(new X509Certificate(ca.certPem).publicKey)) return false
    const names = (cert.subjectAltName ?? '').split(', ')
    const subject = cert.subject.split('\n')
    return (
      (spec.dnsNames ?? []).every((name) => names.includes(`DNS:${name}`)) &&
      (spec.ips ?? []).every((ip) => coversAddress(names, ip)) &&
      subject.includes(`CN=${spec.commonName}`) &&
      (spec.organizations ?? []).every((organization) => subject.includes(`O=${organization}`))
    )
  } catch {
    return false // cannot be read: a crash left half of it
  }
}

/** The certificate as it is on disk, issued anew if it is missing, near its end, or not what is asked for. */
export const ensureCertificate = async (dir: string, spec: CertificateSpec): Promise<CertificatePair> => {
  const ca = readPair(dir, spec.ca)
  if (ca === undefined) throw new Error(`${pathsOf(dir, spec.ca).key}: no such CA`)
  return ensureCertificateFrom(ca, dir, spec)
}

/** The same with a CA that lies elsewhere, as for a node's certificates. */
export const ensureCertificateFrom = async (
  ca: CertificatePair,
  dir: string,
  spec: CertificateSpec,
): Promise<CertificatePair> => {
  const known = readPair(dir, spec.file)
  if (known !== undefined && stillGood(known, spec, ca)) return known
  const pair = await issueCertificate(ca, spec)
  writePair(dir, spec.file, pair)
  return pair
}

/** The key pair that signs ServiceAccount tokens: `<file>.key` and `<file>.pub`, RSA as kubeadm makes it. */
const ensureKeyPair = async (dir: string, file: string): Promise<void> => {
  const { key } = pathsOf(dir, file)
  const pub = join(dir, `${file}.pub`)
  if (!existsSync(key)) {
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
    writeFileAtomic(key, privateKey.export({ type: 'pkcs1', format: 'pem' }) as string, 0o600)
  } else if (existsSync(pub)) return
  const publicKey = createPublicKey(readFileSync(key, 'utf8'))
  writeFileAtomic(pub, publicKey.export({ type: 'spki', format: 'pem' }) as string)
}

/** Makes what is missing of a PKI and renews what needs it; twice is as good as once. */
export const ensurePki = async (dir: string, spec: PkiSpec): Promise<ReadonlyMap<string, CertificatePair>> => {
  // An RSA key takes a while to find: on another thread, while the rest is made.
  const keyPairs = Promise.all(spec.keyPairs.map((file) => ensureKeyPair(dir, file)))
  await Promise.all(spec.authorities.map(({ file, commonName }) => ensureCa(dir, file, commonName)))
  const pairs = await Promise.all(
    spec.certificates.map(
      async (certificate) => [certificate.file, await ensureCertificate(dir, certificate)] as const,
    ),
  )
  await keyPairs
  return new Map(pairs)
}
