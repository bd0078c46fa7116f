import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { CallCounters } from './call-counters.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import type { MessageType } from '../protobuf/message.ts'

/** What a handler may know of its call besides the message. */
export interface CallContext {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The common name in the client's verified certificate; undefined for a client without one. */
  readonly peerCommonName: string | undefined
  /** Size of a unary call's request; 0 for streams. */
  readonly requestBytes: number
  /** Aborted when the client goes away, cancels, or the deadline passes. */
  readonly signal: AbortSignal
}

/** A streaming call: requests come in as an async iterable, responses go out by `write`. */
export interface ServerStreamCall<Req, Res> extends CallContext {
  readonly requests: AsyncIterable<Req>
  /** Queues a response; those written in one turn of the event loop leave as one piece. */
  write(response: Res): void
  /** The same for the parts of a message that is encoded already. */
  writeEncoded(parts: readonly Uint8Array[]): void
  /** Bytes written and not yet taken by the connection: the sender's measure of a slow client. */
  readonly bufferedBytes: number
  /** Resolves when everything written has been taken by the connection, or the call is over. */
  drained(): Promise<void>
}

export type Handler<ReqOut, ReqIn, ResOut, ResIn> =
  | {
      readonly kind: 'unary'
      readonly request: MessageType<ReqOut, ReqIn>
      readonly response: MessageType<ResOut, ResIn>
      readonly handle: (request: ReqOut, call: CallContext) => ResIn | Uint8Array | Promise<ResIn | Uint8Array>
    }
  | {
      readonly kind: 'stream'
      /** Whether the client sends a stream too; else it sends one request. */
      readonly clientStreaming: boolean
      readonly request: MessageType<ReqOut, ReqIn>
      readonly response: MessageType<ResOut, ResIn>
      readonly handle: (call: ServerStreamCall<ReqOut, ResIn>) => Promise<void>
    }

/** A method with its handler, its message types hidden so that all fit into one table. */
export interface Implementation {
  readonly path: string
  readonly handler: Handler<unknown, unknown, unknown, unknown>
}

export interface GrpcServerOptions {
  readonly implementations: readonly Implementation[]
  /** Largest request message; larger ones end with ResourceExhausted. Default 4 MiB, as in gRPC. */
  readonly maxMessageBytes?: number
  /** Told of every error that a handler threw and that was not a GrpcError. */
  readonly onInternalError?: (err: unknown, path: string) => void
  /** Answers what is not a gRPC call, such as a GET of /health over HTTP/2. Default: 404. */
  readonly onHttpStream?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
  /** Calls that one connection may have open at a time; default: no limit. */
  readonly maxConcurrentStreams?: number
  /** Pings to find connections that are dead; default: none. */
  readonly keepalive?: KeepaliveOptions
  /** What each method's calls are counted in; the same object for the same path. Default: nobody looks. */
  readonly counters?: (implementation: Implementation) => CallCounters
}
