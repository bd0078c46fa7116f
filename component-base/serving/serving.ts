/** The secure port that every component has: health for all, metrics for those with a client certificate. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Registry } from 'prom-client'
import type { HealthChecks } from '../healthz/healthz.ts'
import type { Logger } from '../logging/logger.ts'
import { selfSignedServingCert } from '../tls/self-signed.ts'
import { readTlsFiles, type TlsFiles, type TlsMaterial, watchTlsFiles } from '../tls/tls-files.ts'
import { readFileSync } from 'node:fs'

export interface ServeOptions {
  readonly bindAddress: string
  readonly port: number
  /** Empty file names: a self-signed certificate is made. */
  readonly tls: TlsFiles
  readonly health: HealthChecks
  readonly metrics: Registry
  readonly log: Logger
  readonly signal: AbortSignal
}

const materialOf = async (tls: TlsFiles): Promise<TlsMaterial> => {
  if (tls.certFile !== '') return readTlsFiles(tls)
  const pair = await selfSignedServingCert()
  const ca = tls.clientCaFile === undefined || tls.clientCaFile === '' ? {} : { ca: readFileSync(tls.clientCaFile) }
  return { cert: Buffer.from(pair.certPem), key: Buffer.from(pair.keyPem), ...ca }
}

const send = (response: ServerResponse, code: number, text: string, type = 'text/plain; charset=utf-8'): void => {
  response.writeHead(code, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(text)
}

const isAuthorized = (request: IncomingMessage): boolean => (request.socket as TLSSocket).authorized

const handle = async (request: IncomingMessage, response: ServerResponse, options: ServeOptions): Promise<void> => {
  const url = new URL(request.url ?? '/', 'https://localhost')
  const health = await options.health.answer(url.pathname, url.searchParams)
  if (health !== undefined) return send(response, health.code, health.text)
  if (!isAuthorized(request)) return send(response, 401, 'Unauthorized\n')
  if (url.pathname === '/metrics')
    return send(response, 200, await options.metrics.metrics(), options.metrics.contentType)
  send(response, 404, '404 page not found\n')
}

/** Serves until the signal is aborted; rejects if the port cannot be had. */
export const serveComponent = async (options: ServeOptions): Promise<Server> => {
  const { log, signal, tls } = options
  const server = createServer(
    { ...(await materialOf(tls)), requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
    (request, response) => {
      handle(request, response, options).catch((err: unknown) => {
        log.error({ err }, 'request failed')
        if (!response.headersSent) send(response, 500, 'internal server error\n')
      })
    },
  )
  if (tls.certFile !== '') watchTlsFiles(tls, (material) => server.setSecureContext(material), signal)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.bindAddress, () => resolve())
  })
  signal.addEventListener(
    'abort',
    () => {
      server.close()
      server.closeIdleConnections()
    },
    { once: true },
  )
  return server
}
