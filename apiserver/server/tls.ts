/** The serving certificate, from files or made for this server, and the CAs of clients. */
import { existsSync, readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import { join } from 'node:path'
import { writeFileAtomic } from '../../component-base/pki/store.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { selfSignedServingCert } from '../../component-base/tls/self-signed.ts'
import { type TlsMaterial, watchTlsFiles } from '../../component-base/tls/tls-files.ts'
import type { Config } from '../config.ts'
import type { ServerTls } from './server.ts'

const clientAuthorities = (config: Config): string[] =>
  [config.clientCaFile, config.requestHeader?.caFile ?? '']
    .filter((file) => file !== '')
    .map((file) => readFileSync(file, 'utf8'))

interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

/**
 * Where the serving certificate lies: as the flags say, or `apiserver.crt` and `apiserver.key` of --cert-dir, which get
 * a self-signed one if there is none. Upstream: SecureServingOptions.MaybeDefaultWithSelfSignedCerts.
 */
const servingFiles = async ({ tls, advertiseAddress }: Config): Promise<TlsFiles> => {
  if (tls.certFile !== '') return tls
  const files = { certFile: join(tls.certDir, 'apiserver.crt'), keyFile: join(tls.certDir, 'apiserver.key') }
  const present = [files.certFile, files.keyFile].filter(existsSync)
  if (present.length === 1) {
    throw new UsageError(`error reading ${present[0]}, certificate and key must be supplied as a pair`)
  }
  if (present.length === 2) return files
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', advertiseAddress]
  const { certPem, keyPem } = await selfSignedServingCert(names)
  try {
    writeFileAtomic(files.keyFile, keyPem, 0o600)
    writeFileAtomic(files.certFile, certPem)
  } catch (error) {
    throw new UsageError(`error creating self-signed certificates: ${(error as Error).message}`, { cause: error })
  }
  return files
}

/** What the server begins with, and what keeps it so: rotated files are served to new connections, and new CAs too. */
export const openServerTls = async (
  config: Config,
): Promise<{ readonly initial: ServerTls; readonly follow: (server: Server, signal: AbortSignal) => void }> => {
  const { certFile, keyFile } = await servingFiles(config)
  const { settings } = config.tls
  const clientCaFiles = new Set([config.clientCaFile, config.requestHeader?.caFile ?? ''])
  return {
    initial: {
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
      ca: clientAuthorities(config),
      settings,
    },
    follow: (server, signal) => {
      const use = ({ cert, key }: TlsMaterial): void =>
        server.setSecureContext({ cert, key, ca: clientAuthorities(config), ...settings })
      for (const clientCaFile of clientCaFiles) watchTlsFiles({ certFile, keyFile, clientCaFile }, use, signal)
    },
  }
}
