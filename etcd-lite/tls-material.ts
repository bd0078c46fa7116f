/** The certificates of the client URLs: from files, read again when they change, or made once for --auto-tls. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkServerIdentity, createSecureContext, type TLSSocket } from 'node:tls'
import type { ListenerTls } from '../component-base/grpc/listener.ts'
import { UsageError } from '../component-base/process/run.ts'
import { selfSignedServingCert } from '../component-base/tls/self-signed.ts'
import { readTlsFiles, type TlsFiles, watchTlsFiles } from '../component-base/tls/tls-files.ts'
import type { TlsConfig } from './options/tls.ts'

export interface TlsMaterialSource {
  readonly current: ListenerTls
  /** Calls `changed` with new material until `signal` is aborted. */
  readonly watch: (changed: (material: ListenerTls) => void, signal: AbortSignal) => void
  readonly acceptPeer: ((socket: TLSSocket) => boolean) | undefined
}

const privateFile = 0o600
const privateDir = 0o700

/** Where a real etcd keeps them, too. */
const autoTlsFiles = async (
  dataDir: string,
  { hosts, validityYears }: Extract<TlsConfig['certificate'], { type: 'auto' }>,
): Promise<{ readonly certFile: string; readonly keyFile: string }> => {
  const dir = join(dataDir, 'fixtures', 'client')
  const files = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') }
  if (existsSync(files.certFile) && existsSync(files.keyFile)) return files
  if (validityYears === 0) {
    throw new UsageError('selfSignedCertValidity is invalid,it should be greater than 0', { exitCode: 1 })
  }
  const { certPem, keyPem } = await selfSignedServingCert(hosts, 365 * validityYears)
  mkdirSync(dataDir, { recursive: true, mode: privateDir })
  mkdirSync(dir, { recursive: true, mode: privateDir })
  writeFileSync(files.keyFile, keyPem, { mode: privateFile })
  chmodSync(files.keyFile, privateFile)
  writeFileSync(files.certFile, certPem)
  return files
}

/** etcd takes revocation lists in DER as well. */
const crlText = (bytes: Buffer): string => {
  if (bytes.includes('-----BEGIN')) return bytes.toString()
  const lines = bytes.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`
}

const reasonOf = (err: unknown): string => (err instanceof Error ? err.message : String(err))

const acceptPeerOf = ({ allowedHostnames, allowedCommonNames }: TlsConfig): TlsMaterialSource['acceptPeer'] => {
  if (allowedHostnames.length === 0 && allowedCommonNames.length === 0) return undefined
  return (socket) => {
    const cert = socket.getPeerCertificate()
    const byHost = allowedHostnames.some((host) => checkServerIdentity(host, cert) === undefined)
    return byHost || allowedCommonNames.includes(String(cert.subject?.CN ?? ''))
  }
}

/** Reads everything. Throws UsageError when a file cannot be read, or certificate and key are no pair. */
export const loadTlsMaterial = async (config: TlsConfig, dataDir: string): Promise<TlsMaterialSource> => {
  const { certificate, clientCaFile, crlFile, ciphers, minVersion, maxVersion } = config
  const files: TlsFiles = {
    ...(certificate.type === 'files' ? certificate : await autoTlsFiles(dataDir, certificate)),
    clientCaFile,
  }
  const complete = (material: ReturnType<typeof readTlsFiles>): ListenerTls => ({
    ...material,
    crl: crlFile === '' ? undefined : crlText(readFileSync(crlFile)),
    ciphers,
    minVersion,
    maxVersion,
  })
  let current: ListenerTls
  try {
    current = complete(readTlsFiles(files))
    createSecureContext({ cert: current.cert, key: current.key, ciphers, ...(current.crl ? { crl: current.crl } : {}) })
  } catch (err) {
    throw new UsageError(`cannot use the TLS files: ${reasonOf(err)}`, { exitCode: 1, cause: err })
  }
  return {
    current,
    watch: (changed, signal) => watchTlsFiles(files, (material) => changed(complete(material)), signal),
    acceptPeer: acceptPeerOf(config),
  }
}
