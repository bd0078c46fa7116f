/**
 * The kubelet's HTTPS API, port 10250: TLS, then who calls, then may they, then the route.
 * Everything needs a client certificate of the cluster's CA or a bearer token, /healthz included.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Clock, realClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { refuseUpgrade, UpgradeRefused, type UpgradeRequest } from '../../component-base/streams/upgrade.ts'
import type { TlsMaterial } from '../../component-base/tls/tls-files.ts'
import type { TlsSettings } from '../../component-base/tls/tls-settings.ts'
import { type AuthenticateToken, type AuthorizeKubelet, authenticate, subresourcesOf, verbOf } from './auth.ts'
import type { KubeletServerBackend } from './backend.ts'
import { serveAttach, serveExec } from './exec.ts'
import { HttpError, type KubeletRequest, parseRequest, sendError } from './http.ts'
import { servePortForwardRequest } from './port-forward.ts'
import { createRoutes, notFound } from './routes.ts'

export interface KubeletServerOptions {
  /** `ca` is the authority of client certificates (`authentication.x509.clientCAFile`); no certificate, no handshake. */
  readonly tls: Partial<TlsMaterial>
  /** Default: TLS 1.2 and Node's own ciphers. */
  readonly tlsSettings?: TlsSettings
  /** Silence after which a stream is cut; 0, the default, never. */
  readonly streamingIdleTimeoutMs?: number
  readonly backend: KubeletServerBackend
  readonly authorize: AuthorizeKubelet
  /** Without it only certificates are accepted. */
  readonly authenticateToken?: AuthenticateToken
  readonly log: Logger
  readonly clock?: Clock
}

export interface KubeletServer {
  /** Port 0 chooses a free one; resolves with the port. */
  listen(address: string, port: number): Promise<number>
  /** New connections get the new certificate. */
  setTls(tls: TlsMaterial): void
  /** Stops listening and cuts all connections, streams included. */
  close(): Promise<void>
}

const secureContext = (tls: Partial<TlsMaterial>, { tlsSettings }: KubeletServerOptions) => ({
  ...tls,
  ...(tlsSettings ?? ({ minVersion: 'TLSv1.2' } as const)),
})

/** Upstream: InstallDebuggingDisabledHandlers. */
const debuggingPaths: ReadonlySet<string> = new Set([
  'run',
  'exec',
  'attach',
  'portForward',
  'containerLogs',
  'runningpods',
  'logs',
  'debug',
])

/** How many times it is looked, until silence has lasted long enough. */
const looks = 10

/** Destroys the socket after so long without a byte in either direction. Its own timer is WebSocket's, who stops it. */
const cutWhenIdle = (socket: Socket, idleMs: number, clock: Clock): void => {
  if (idleMs <= 0) return
  let seen = -1
  let silent = 0
  const look = (): void => {
    const bytes = socket.bytesRead + socket.bytesWritten
    silent = bytes === seen ? silent + 1 : 0
    seen = bytes
    if (silent >= looks) socket.destroy()
    else timer = clock.setTimeout(look, idleMs / looks)
  }
  let timer = clock.setTimeout(look, 0)
  socket.once('close', () => clock.clearTimeout(timer))
}

/** Throws HttpError 401 or 403. */
const admit = async (request: KubeletRequest, options: KubeletServerOptions): Promise<void> => {
  const user = await authenticate(request, options.authenticateToken)
  if (user === undefined) throw new HttpError(401, 'Unauthorized')
  const verb = verbOf(request.request.method)
  const subresources = subresourcesOf(request.segments[0])
  for (const subresource of subresources) {
    if (await options.authorize(user, verb, subresource)) return
  }
  throw new HttpError(
    403,
    `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`,
  )
}

/** Serves exec, attach and portForward. */
const serveUpgrade = async (
  request: KubeletRequest,
  upgrade: UpgradeRequest,
  { backend }: KubeletServerOptions,
): Promise<void> => {
  switch (request.segments[0]) {
    case 'exec':
      return serveExec(request, upgrade, backend)
    case 'attach':
      return serveAttach(request, upgrade, backend)
    case 'portForward':
      return servePortForwardRequest(request, upgrade, backend)
    case undefined:
    default:
      throw notFound()
  }
}

export const createKubeletServer = (options: KubeletServerOptions): KubeletServer => {
  const { log, backend } = options
  const clock = options.clock ?? realClock
  const routes = createRoutes({ backend, clock })
  const checkDebugging = ({ segments }: KubeletRequest): void => {
    if (!backend.debuggingHandlers && debuggingPaths.has(segments[0] ?? '')) {
      throw new HttpError(405, 'Debug endpoints are disabled.\n')
    }
  }
  const upgraded = new Set<Duplex>()

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const parsed = parseRequest(request)
      await admit(parsed, options)
      checkDebugging(parsed)
      const route = Object.hasOwn(routes, parsed.segments[0] ?? '') ? routes[parsed.segments[0] ?? ''] : undefined
      if (route === undefined) throw notFound()
      await route(parsed, response)
    } catch (error) {
      if (!(error instanceof HttpError)) log.warn({ err: error, path: request.url }, 'request failed')
      sendError(response, error)
    }
  }

  const onUpgrade = async (request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    // Every stream ends by 'close'; an error of the socket alone is no news.
    socket.on('error', () => {})
    try {
      const parsed = parseRequest(request)
      await admit(parsed, options)
      checkDebugging(parsed)
      cutWhenIdle(socket, options.streamingIdleTimeoutMs ?? 0, clock)
      await serveUpgrade(parsed, { request, socket, head }, options)
    } catch (error) {
      if (error instanceof HttpError) refuseUpgrade(socket, new UpgradeRefused(error.statusCode, error.message))
      else if (error instanceof UpgradeRefused) refuseUpgrade(socket, error)
      else {
        log.warn({ err: error, path: request.url }, 'stream failed')
        refuseUpgrade(socket, error)
      }
    }
  }

  const server: Server = createServer(
    // Who has no certificate may still have a token: the handshake lets everyone in, admit() does not.
    { ...secureContext(options.tls, options), requestCert: true, rejectUnauthorized: false },
    (request, response) => void onRequest(request, response),
  )
  server.on('upgrade', (request, socket, head) => void onUpgrade(request, socket as Socket, head))
  server.on('secureConnection', (socket) => socket.setKeepAlive(true, 30_000))
  server.on('tlsClientError', (err) => log.debug({ err }, 'TLS handshake failed'))

  return {
    listen: async (address, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, address, () => {
          server.off('error', reject)
          resolve((server.address() as AddressInfo).port)
        })
      }),
    setTls: (tls) => server.setSecureContext(secureContext(tls, options)),
    close: async () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const socket of upgraded) socket.destroy()
      }),
  }
}
