/** The secure port that every component has: health for all, metrics for those with a client certificate. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Registry } from 'prom-client'
import type { HealthChecks } from '../healthz/healthz.ts'
import type { Logger } from '../logging/logger.ts'
import { commonNameOf, organizationsOf } from '../tls/peer-names.ts'
import { selfSignedServingCert } from '../tls/self-signed.ts'
import { readTlsFiles, type TlsFiles, type TlsMaterial, watchFileContent, watchTlsFiles } from '../tls/tls-files.ts'
import type { TlsSettings } from '../tls/tls-settings.ts'

/** Who asks, by a client certificate that the client CA signed, or by a token. */
export interface CallerIdentity {
  readonly user: string
  readonly groups: readonly string[]
}

/** Whether a caller may see a path other than those of health. */
export type AuthorizePath = (caller: CallerIdentity | undefined, path: string) => boolean | Promise<boolean>

export interface ServeOptions {
  readonly bindAddress: string
  readonly port: number
  /** Empty file names: a self-signed certificate is made. */
  readonly tls: TlsFiles
  /** Of the flags of `tlsFlags`. */
  readonly tlsSettings: TlsSettings
  readonly health: HealthChecks
  readonly metrics: Registry
  readonly log: Logger
  readonly signal: AbortSignal
  /** Default: anybody with a certificate of the client CA. */
  readonly authorize?: AuthorizePath
  /** Finds the holder of a bearer token; default: nobody is known by a token. */
  readonly authenticateToken?: (token: string) => Promise<CallerIdentity | undefined>
  /** More paths, for those who are authorized; returns false if the path is not its own. */
  readonly extra?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** Requests under way at shutdown may take this long; then their connections are cut. */
const closeTimeoutMs = 5_000

const isGiven = (path: string | undefined): path is string => path !== undefined && path !== ''

const clientCa = ({ clientCaFile }: TlsFiles): { ca?: Buffer } =>
  isGiven(clientCaFile) ? { ca: readFileSync(clientCaFile) } : {}

const send = (response: ServerResponse, code: number, text: string, type = 'text/plain; charset=utf-8'): void => {
  response.writeHead(code, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(text)
}

/** Without a client CA nobody is identified: Node would then check against the public CAs of the web. */
const identityOf = (request: IncomingMessage, { tls }: ServeOptions): CallerIdentity | undefined => {
  const socket = request.socket as TLSSocket
  if (!isGiven(tls.clientCaFile) || !socket.authorized) return undefined
  const certificate = socket.getPeerCertificate()
  const user = commonNameOf(certificate)
  return user === '' ? undefined : { user, groups: organizationsOf(certificate) }
}

const bearerTokenOf = (request: IncomingMessage): string | undefined =>
  /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]

/** Credentials that nobody knows are refused, other than none at all. */
const callerOf = async (
  request: IncomingMessage,
  options: ServeOptions,
): Promise<CallerIdentity | undefined | 'unknown'> => {
  const identity = identityOf(request, options)
  const token = bearerTokenOf(request)
  if (identity !== undefined || token === undefined) return identity
  return (await options.authenticateToken?.(token)) ?? 'unknown'
}

const sendForbidden = (response: ServerResponse, caller: CallerIdentity | undefined, path: string): void => {
  const user = caller?.user ?? 'system:anonymous'
  const message = `forbidden: User ${JSON.stringify(user)} cannot get path ${JSON.stringify(path)}`
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'Forbidden' }
  send(response, 403, `${JSON.stringify({ ...status, details: {}, code: 403 })}\n`, 'application/json')
}

const handle = async (request: IncomingMessage, response: ServerResponse, options: ServeOptions): Promise<void> => {
  const url = new URL(request.url ?? '/', 'https://localhost')
  const health = await options.health.answer(url.pathname, url.searchParams)
  if (health !== undefined) return send(response, health.code, health.text)
  const caller = await callerOf(request, options)
  if (caller === 'unknown') return send(response, 401, 'Unauthorized\n')
  const authorize = options.authorize ?? ((who) => who !== undefined)
  if (!(await authorize(caller, url.pathname))) return sendForbidden(response, caller, url.pathname)
  if (url.pathname === '/metrics') {
    return send(response, 200, await options.metrics.metrics(), options.metrics.contentType)
  }
  if (options.extra?.(request, response) === true) return
  send(response, 404, '404 page not found\n')
}

/** Gives the server its certificate, from files or self-signed, now and whenever a file changes. */
const manageTls = async ({
  tls,
  tlsSettings,
  signal,
  log,
}: ServeOptions): Promise<{ first: TlsMaterial; follow: (s: Server) => void }> => {
  const swap = (server: Server, material: TlsMaterial): void => {
    server.setSecureContext({ ...material, ...tlsSettings })
    log.info('certificates were read again')
  }
  if (tls.certFile !== '') {
    const follow = (server: Server): void => watchTlsFiles(tls, (material) => swap(server, material), signal)
    return { first: readTlsFiles(tls), follow }
  }
  const { certPem, keyPem } = await selfSignedServingCert()
  const own = { cert: Buffer.from(certPem), key: Buffer.from(keyPem) }
  const follow = (server: Server): void => {
    if (!isGiven(tls.clientCaFile)) return
    watchFileContent(tls.clientCaFile, (ca) => swap(server, { ...own, ca }), { log, signal })
  }
  return { first: { ...own, ...clientCa(tls) }, follow }
}

/** Serves until the signal is aborted; rejects if the port cannot be had. */
export const serveComponent = async (options: ServeOptions): Promise<Server> => {
  const { log, signal } = options
  const { first, follow } = await manageTls(options)
  const server = createServer(
    { ...first, requestCert: true, rejectUnauthorized: false, ...options.tlsSettings },
    (request, response) => {
      handle(request, response, options).catch((err: unknown) => {
        log.error({ err }, 'request failed')
        if (!response.headersSent) send(response, 500, 'internal server error\n')
      })
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.bindAddress, () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', (err) => log.error({ err }, 'server failed'))
  follow(server)
  signal.addEventListener(
    'abort',
    () => {
      server.close() // also ends the connections that are idle
      setTimeout(() => server.closeAllConnections(), closeTimeoutMs).unref()
    },
    { once: true },
  )
  return server
}
