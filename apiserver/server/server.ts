/** HTTPS with fastify; one route for everything, because the chain and the router know better what a path means. */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import fastify, { type FastifyInstance } from 'fastify'
import { ServerResponse } from '../../component-base/node-http.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Handler } from './chain.ts'
import { HttpRequestContext } from './http-context.ts'

export interface ServerTls {
  readonly cert: string
  readonly key: string
  /** Client CAs, all together. */
  readonly ca: readonly string[]
}

export interface ServerOptions {
  readonly tls: ServerTls
  readonly log: Logger
  readonly handle: Handler
  /** Runs the same chain for requests with an Upgrade header; the handler may take the socket. */
  readonly handleUpgrade: (ctx: HttpRequestContext, socket: Duplex, head: Buffer) => Promise<void>
}

/** Idle connections are kept a little longer than clients keep theirs, so that the client closes first. */
const keepAliveTimeoutMs = 180_000
/** Go clients send many headers only with many groups; upstream allows 1 MiB. */
const maxHeaderBytes = 256 * 1024

const unused = (): never => {
  throw new Error('no route has a schema')
}

export const createServer = ({ tls, log, handle, handleUpgrade }: ServerOptions) => {
  const app = fastify({
    https: {
      cert: tls.cert,
      key: tls.key,
      ca: [...tls.ca],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxHeaderSize: maxHeaderBytes,
      ALPNProtocols: ['http/1.1'],
    },
    logger: false,
    keepAliveTimeout: keepAliveTimeoutMs,
    requestTimeout: 0,
    forceCloseConnections: true,
    // Nothing is validated or serialized by schema: without these, fastify loads compilers for both.
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    // fastify would route by path; here every path is the same route.
    rewriteUrl: () => '/',
  })
  const server = app.server as Server
  /** Nothing that one request does may end the process. */
  const start = (ctx: HttpRequestContext, run: Handler): void => {
    ctx.response.on('error', (err) => log.debug({ err }, 'cannot write an answer'))
    run(ctx).catch((err: unknown) => {
      log.error({ err, path: ctx.info.path }, 'a request escaped its error handler')
      ctx.response.destroy()
    })
  }
  // The hook takes the request over before fastify looks at its body, which the handlers read with their own limit.
  app.addHook('onRequest', (request, reply, _done) => {
    reply.hijack()
    start(new HttpRequestContext(request.raw, reply.raw, request.originalUrl, log), handle)
  })
  app.all('/', () => undefined)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', (error) => log.debug({ err: error }, 'upgraded connection broke'))
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as never)
    response.once('finish', () => socket.end())
    const ctx = new HttpRequestContext(request, response, request.url ?? '/', log)
    start(ctx, () => handleUpgrade(ctx, socket, head))
  })
  server.on('tlsClientError', (error) => log.debug({ err: error }, 'TLS handshake failed'))
  return {
    server,
    listen: (host: string, port: number): Promise<number> => listen(app, host, port),
    close: () => app.close(),
  }
}

const listen = async (app: FastifyInstance, host: string, port: number): Promise<number> => {
  await app.listen({ host, port })
  return (app.server.address() as AddressInfo).port
}
