/** The serving certificate, from files or made for this process, and the CAs of clients. */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import { selfSignedServingCert } from '../../component-base/tls/self-signed.ts'
import { type TlsMaterial, watchTlsFiles } from '../../component-base/tls/tls-files.ts'
import type { Config } from '../config.ts'
import type { ServerTls } from './server.ts'

const clientAuthorities = (config: Config): string[] =>
  [config.clientCaFile, config.requestHeader?.caFile ?? '']
    .filter((file) => file !== '')
    .map((file) => readFileSync(file, 'utf8'))

export const readServerTls = async (config: Config): Promise<ServerTls> => {
  const { certFile, keyFile, settings } = config.tls
  const common = { ca: clientAuthorities(config), settings }
  if (certFile !== '') return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), ...common }
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', config.advertiseAddress]
  const { certPem, keyPem } = await selfSignedServingCert(names)
  return { cert: certPem, key: keyPem, ...common }
}

/** Rotated files are served to new connections, and new CAs count for them. */
export const reloadServerTls = (config: Config, server: Server, signal: AbortSignal): void => {
  const { certFile, keyFile, settings } = config.tls
  if (certFile === '') return
  const use = ({ cert, key }: TlsMaterial): void =>
    server.setSecureContext({ cert, key, ca: clientAuthorities(config), ...settings })
  const clientCaFiles = [config.clientCaFile, config.requestHeader?.caFile ?? '']
  for (const clientCaFile of new Set(clientCaFiles)) watchTlsFiles({ certFile, keyFile, clientCaFile }, use, signal)
}
