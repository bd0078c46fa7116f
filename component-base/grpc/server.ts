/**
 * A gRPC server on node:http2's stream API (not its compatibility layer: that costs more than the calls).
 *
 * It owns no socket: `createGrpcServer` gives an http2 server object, to which a listener hands connections
 * (`grpc/listener.ts`) or which can listen by itself for cleartext.
 */
import http2 from 'node:http2'
import { newCallCounters } from './call-counters.ts'
import type { CallContext, GrpcServerOptions, Handler, Implementation, ServerStreamCall } from './handler.ts'
import { keepAlive } from './keepalive.ts'
import type { GrpcMethod } from './method.ts'
import { startCall } from './server-call.ts'
import { encodeGrpcMessage, GrpcError, grpcCode } from './status.ts'

export type { CallContext, GrpcServerOptions, Implementation, ServerStreamCall } from './handler.ts'

/** Serves a unary method. The handler may return an encoded message; it throws GrpcError to refuse. */
export const implementUnary = <ReqOut, ReqIn, ResOut, ResIn>(
  method: GrpcMethod<'unary', ReqOut, ReqIn, ResOut, ResIn>,
  handle: (request: ReqOut, call: CallContext) => ResIn | Uint8Array | Promise<ResIn | Uint8Array>,
): Implementation => ({
  path: method.path,
  handler: { kind: 'unary', request: method.request, response: method.response, handle } as Handler<
    unknown,
    unknown,
    unknown,
    unknown
  >,
})

/** Serves a streaming method of either kind: the call ends with OK when the handler's promise resolves. */
export const implementStream = <ReqOut, ReqIn, ResOut, ResIn>(
  method: GrpcMethod<'bidi' | 'server-stream', ReqOut, ReqIn, ResOut, ResIn>,
  handle: (call: ServerStreamCall<ReqOut, ResIn>) => Promise<void>,
): Implementation => ({
  path: method.path,
  handler: {
    kind: 'stream',
    clientStreaming: method.kind === 'bidi',
    request: method.request,
    response: method.response,
    handle,
  } as unknown as Handler<unknown, unknown, unknown, unknown>,
})

/** Window of one stream and of a whole connection: with the protocol's 64 KiB a large answer waits for acknowledgements. */
const streamWindowBytes = 1 << 20
const connectionWindowBytes = 16 << 20

const refuse = (stream: http2.ServerHttp2Stream, err: GrpcError): void => {
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(err.code),
      'grpc-message': encodeGrpcMessage(err.details),
    },
    { endStream: true },
  )
}

/** Makes the http2 server; `close()` of its sessions is the owner's (see `grpc/listener.ts`). */
export const createGrpcServer = (options: GrpcServerOptions): http2.Http2Server => {
  const table = new Map(
    options.implementations.map((implementation) => [
      implementation.path,
      { handler: implementation.handler, counters: options.counters?.(implementation) ?? newCallCounters() },
    ]),
  )
  const services = new Set(options.implementations.map(({ path }) => path.slice(1, path.lastIndexOf('/'))))
  const server = http2.createServer({
    settings: {
      initialWindowSize: streamWindowBytes,
      maxConcurrentStreams: options.maxConcurrentStreams ?? 0xffff_ffff,
    },
    maxSessionMemory: 1024,
  })
  server.on('session', (session) => {
    session.setLocalWindowSize(connectionWindowBytes)
    if (options.keepalive !== undefined) keepAlive(session, options.keepalive)
  })
  server.on('sessionError', () => {}) // a connection that broke: its streams have their own errors
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {}) // reset by the client; the call sees 'close'
    const path = headers[':path'] ?? ''
    if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith('application/grpc')) {
      if (options.onHttpStream === undefined) stream.respond({ ':status': 404 }, { endStream: true })
      else options.onHttpStream(stream, headers)
      return
    }
    const method = table.get(path)
    if (method === undefined) {
      const service = path.slice(1, path.lastIndexOf('/'))
      const what = services.has(service)
        ? `unknown method ${path.slice(path.lastIndexOf('/') + 1)} for service ${service}`
        : `unknown service ${service}`
      refuse(stream, new GrpcError(grpcCode.unimplemented, what))
      return
    }
    startCall({ stream, headers, path, options, ...method })
  })
  return server
}
