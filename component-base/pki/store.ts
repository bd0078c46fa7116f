/** A directory of certificates under kubeadm's names: made once, kept, renewed when near their end. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CertificatePair, type CertificateRequest, createCa, issueCertificate } from './certificates.ts'

/** A certificate of the directory: `apiserver` is `apiserver.crt` and `apiserver.key`. */
export interface CertificateSpec extends CertificateRequest {
  readonly file: string
  /** `ca`, `etcd/ca` or `front-proxy-ca`. */
  readonly ca: string
}

/** Certificates are renewed this long before they end. */
const renewBeforeMs = 30 * 86_400_000

/** Writes beside and renames, so that nobody reads half a file. Keys are for their owner only. */
export const writeFileAtomic = (path: string, data: string, mode = 0o644): void => {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, data, { mode })
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
  const ca = await createCa(commonName)
  writePair(dir, file, ca)
  return ca
}

const stillGood = (pem: string, spec: CertificateSpec, ca: CertificatePair): boolean => {
  const cert = new X509Certificate(pem)
  if (cert.validToDate.getTime() - Date.now() < renewBeforeMs) return false
  if (!cert.verify(new X509Certificate(ca.certPem).publicKey)) return false
  const names = (cert.subjectAltName ?? '').split(', ')
  const subject = cert.subject.split('\n')
  return (
    (spec.dnsNames ?? []).every((name) => names.includes(`DNS:${name}`)) &&
    (spec.ips ?? []).every((ip) => names.includes(`IP Address:${ip}`)) &&
    subject.includes(`CN=${spec.commonName}`) &&
    (spec.organizations ?? []).every((organization) => subject.includes(`O=${organization}`))
  )
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
  if (known !== undefined && stillGood(known.certPem, spec, ca)) return known
  const pair = await issueCertificate(ca, spec)
  writePair(dir, spec.file, pair)
  return pair
}

/** The key pair that signs ServiceAccount tokens: `<file>.key` and `<file>.pub`, RSA as kubeadm makes it. */
export const ensureKeyPair = (dir: string, file: string): void => {
  if (existsSync(join(dir, `${file}.key`))) return
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileAtomic(join(dir, `${file}.pub`), publicKey.export({ type: 'spki', format: 'pem' }) as string)
  writeFileAtomic(join(dir, `${file}.key`), privateKey.export({ type: 'pkcs1', format: 'pem' }) as string, 0o600)
}
