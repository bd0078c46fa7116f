/** What a gateway call has of its HTTP request: metadata, deadline, and the end of the client's patience. */
import type { IncomingHttpHeaders } from 'node:http'
import type { CallCounters } from '../../../component-base/grpc/call-counters.ts'
import type { Handler } from '../../../component-base/grpc/handler.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import { parseGrpcTimeout } from '../../../component-base/grpc/timeout.ts'
import type { JsonSchema } from '../../../component-base/protobuf/json/schema.ts'
import type { MessageDeclaration } from '../../../component-base/protobuf/types.ts'
import type { HttpExchange } from '../exchange.ts'

export type AnyHandler = Handler<unknown, unknown, unknown, unknown>

export interface GatewayCall<Kind extends AnyHandler['kind']> {
  readonly exchange: HttpExchange
  /** gRPC path of the method. */
  readonly path: string
  readonly handler: Extract<AnyHandler, { kind: Kind }>
  readonly schemas: (message: MessageDeclaration) => JsonSchema
  /** Largest request, in protobuf. */
  readonly maxMessageBytes: number
  readonly onInternalError: (err: unknown, path: string) => void
  readonly counters: CallCounters
}

const metadataPrefix = 'grpc-metadata-'
/** Tells a call of the gateway from others, as a header that every HTTP client sends does in etcd. */
const gatewayMark = 'grpcgateway-accept'

/** The headers that become metadata: authorization as it is, Grpc-Metadata-X as x. */
export const metadataOf = (headers: IncomingHttpHeaders): IncomingHttpHeaders => {
  const metadata: IncomingHttpHeaders = { [gatewayMark]: headers.accept ?? '' }
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'authorization') metadata.authorization = String(value)
    else if (name.startsWith(metadataPrefix)) metadata[name.slice(metadataPrefix.length)] = value
  }
  return metadata
}

/** JSON spells bytes as base64 and all names out: a text may be this much larger than its message. */
export const maxTextBytes = (maxMessageBytes: number): number => 2 * maxMessageBytes + (64 << 10)

export const tooLarge = (bytes: number, maxBytes: number): GrpcError =>
  new GrpcError(grpcCode.resourceExhausted, `grpc: received message larger than max (${bytes} vs. ${maxBytes})`)

/** Calls `onEnd` once, when the client goes away or its deadline passes; returns how to stop waiting. */
export const watchClient = (exchange: HttpExchange, onEnd: (err: GrpcError) => void): (() => void) => {
  let over = false
  const end = (err: GrpcError): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    onEnd(err)
  }
  const timeoutMs = parseGrpcTimeout(exchange.headers['grpc-timeout'])
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => end(new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded')), timeoutMs)
  exchange.onAbandoned(() => end(new GrpcError(grpcCode.cancelled, 'context canceled')))
  return () => {
    over = true
    clearTimeout(timer)
  }
}
