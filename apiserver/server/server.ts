/**
 * HTTPS: HTTP/1.1 with fastify and HTTP/2 beside it, as the client chooses by ALPN. One route for everything, because
 * the chain and the router know better what a path means.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import fastify, { type FastifyInstance } from 'fastify'
import { sleep } from '../../component-base/clock.ts'
import { ServerResponse } from '../../component-base/node-http.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { TlsSettings } from '../../component-base/tls/tls-settings.ts'
import type { Handler } from './chain.ts'
import { answerClientError, hasManyHosts, refuseManyHosts } from './client-error.ts'
import { Connections } from './connections.ts'
import { serveHttp2 } from './http2/connection.ts'
import { HttpRequestContext } from './http-context.ts'
import { RunningRequests } from './running-requests.ts'
import type { OfferedUpgrade } from './upgrades.ts'

export interface ServerTls {
  readonly cert: string
  readonly key: string
  /** Client CAs, all together. */
  readonly ca: readonly string[]
  readonly settings: TlsSettings
}

export interface ServerOptions {
  readonly tls: ServerTls
  readonly log: Logger
  /** Of one HTTP/2 connection at once; 0 offers HTTP/1.1 alone. */
  readonly maxStreams: number
  /** How long a shutdown waits for requests under way. */
  readonly drainTimeoutMs: number
  readonly handle: Handler
  /** Runs the same chain for requests with an Upgrade header; the handler may take the socket. */
  readonly handleUpgrade: (ctx: HttpRequestContext, upgrade: OfferedUpgrade) => Promise<void>
  /** Default: upstream's. */
  readonly timeouts?: ConnectionTimeouts
}

/** How long clients may be silent. */
export interface ConnectionTimeouts {
  /** Between two requests. */
  readonly idleMs: number
  /** From a connection, or the end of the last request, to the last byte of the next one's headers. */
  readonly headersMs: number
  /** How often that is looked at: what is over is so much later closed at most. */
  readonly checkMs: number
}

/** Upstream: IdleTimeout, ReadHeaderTimeout. */
const upstreamTimeouts: ConnectionTimeouts = { idleMs: 90_000, headersMs: 32_000, checkMs: 10_000 }
/** Upstream: MaxHeaderBytes and the slop that Go adds to it, defaultKeepAlivePeriod. */
const maxHeaderBytes = 1024 * 1024 + 4096
const tcpKeepAliveMs = 180_000

const unused = (): never => {
  throw new Error('no route has a schema')
}

const createApp = ({ tls, maxStreams, timeouts = upstreamTimeouts }: ServerOptions): FastifyInstance =>
  fastify({
    https: {
      cert: tls.cert,
      key: tls.key,
      ca: [...tls.ca],
      requestCert: true,
      rejectUnauthorized: false,
      ...tls.settings,
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: timeouts.headersMs,
      connectionsCheckingInterval: timeouts.checkMs,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      handshakeTimeout: timeouts.headersMs,
      ALPNProtocols: maxStreams > 0 ? ['h2', 'http/1.1'] : ['http/1.1'],
    },
    logger: false,
    keepAliveTimeout: timeouts.idleMs,
    requestTimeout: 0,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerClientError,
    // Nothing is validated or serialized by schema: without these, fastify loads compilers for both.
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    // fastify would route by path; here every path is the same route.
    rewriteUrl: () => '/',
  })

export const createServer = (options: ServerOptions) => {
  const { log, handle, handleUpgrade } = options
  const app = createApp(options)
  const server = app.server as Server
  const running = new RunningRequests()
  const connections = new Connections()
  /** Nothing that one request does may end the process. */
  const start = (ctx: HttpRequestContext, run: Handler): void => {
    ctx.response.on('error', (err) => log.debug({ err }, 'cannot write an answer'))
    const done = running.began(ctx)
    run(ctx)
      .catch((err: unknown) => {
        log.error({ err, path: ctx.info.path }, 'a request escaped its error handler')
        ctx.response.destroy()
      })
      .finally(done)
  }
  // The hook takes the request over before fastify looks at its body, which the handlers read with their own limit.
  app.addHook('onRequest', (request, reply, _done) => {
    reply.hijack()
    if (hasManyHosts(request.raw)) refuseManyHosts(reply.raw)
    else start(new HttpRequestContext(request.raw, reply.raw, request.originalUrl, log), handle)
  })
  app.all('/', () => undefined)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', (error) => log.debug({ err: error }, 'upgraded connection broke'))
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as never)
    response.once('finish', () => socket.end())
    if (hasManyHosts(request)) return refuseManyHosts(response)
    const ctx = new HttpRequestContext(request, response, request.url ?? '/', log)
    start(ctx, () => handleUpgrade(ctx, { request, socket, head }))
  })
  const acceptHttp2 = (socket: TLSSocket): void => {
    const session = serveHttp2(socket, {
      log,
      maxStreams: options.maxStreams,
      ...(options.timeouts === undefined ? {} : { idleTimeoutMs: options.timeouts.idleMs }),
      onRequest: (request, response) => start(new HttpRequestContext(request, response, request.url, log), handle),
    })
    connections.addSession(session)
  }
  // Node's own listener is the HTTP/1.1 server.
  const acceptHttp1 = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    connections.add(socket)
    if (socket.alpnProtocol === 'h2') acceptHttp2(socket)
    else for (const listener of acceptHttp1) listener.call(server, socket)
  })
  server.on('tlsClientError', (error) => log.debug({ err: error }, 'TLS handshake failed'))
  return {
    server,
    listen: (host: string, port: number): Promise<number> => listen(app, host, port),
    /** Takes no more connections, lets the requests under way end, and then cuts what is long-running. */
    close: async (): Promise<void> => {
      const closed = app.close()
      connections.goAway()
      await within(running.ended(), options.drainTimeoutMs)
      running.cutOff()
      server.closeIdleConnections()
      await within(connections.closed(), flushTimeoutMs)
      connections.destroy()
      await closed
    },
  }
}

/** What the last bytes of answers may take on their way out. */
const flushTimeoutMs = 2_000

/** Waits for a promise, but not for ever. */
const within = async (promise: Promise<void>, timeoutMs: number): Promise<void> => {
  const timeout = new AbortController()
  await Promise.race([promise, sleep(timeoutMs, timeout.signal).catch(() => {})])
  timeout.abort()
}

const listen = async (app: FastifyInstance, host: string, port: number): Promise<number> => {
  await app.listen({ host, port })
  return (app.server.address() as AddressInfo).port
}
