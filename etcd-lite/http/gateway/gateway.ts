/**
 * etcd's JSON gateway: every gRPC method as POST of JSON under /v3/. It calls the same implementations as gRPC does, in
 * this process, so a service that gets a method has it here too.
 */
import { etcdProtoFacts } from '../../../component-base/etcd/proto-facts.ts'
import type { GrpcServerOptions, Implementation } from '../../../component-base/grpc/handler.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import { createJsonSchemas } from '../../../component-base/protobuf/json/schema.ts'
import { type HttpExchange, sendPlainError } from '../exchange.ts'
import type { GatewayCall } from './call.ts'
import { sendError } from './errors.ts'
import { gatewayRoutes } from './routes.ts'
import { serveStream } from './stream-call.ts'
import { serveUnary } from './unary-call.ts'

export interface GatewayOptions {
  readonly implementations: readonly Implementation[]
  readonly maxMessageBytes: number
  readonly onInternalError: NonNullable<GrpcServerOptions['onInternalError']>
  readonly counters: NonNullable<GrpcServerOptions['counters']>
}

/** Answers requests under /v3/. */
export type Gateway = (exchange: HttpExchange, path: string) => Promise<void>

export const createGateway = (options: GatewayOptions): Gateway => {
  const { implementations, maxMessageBytes, onInternalError, counters } = options
  const methods = new Map(implementations.map((implementation) => [implementation.path, implementation]))
  const schemas = createJsonSchemas(etcdProtoFacts)
  return async (exchange, path) => {
    const method = gatewayRoutes.get(path)
    if (method === undefined) {
      sendPlainError(exchange, 404, 'Not Found')
      return
    }
    if (exchange.method !== 'POST') {
      sendPlainError(exchange, 405, 'Method Not Allowed')
      return
    }
    const implementation = methods.get(method)
    if (implementation === undefined) {
      sendError(exchange, new GrpcError(grpcCode.unimplemented, `unknown method ${method.slice(1)}`))
      return
    }
    const { handler } = implementation
    const common = { maxMessageBytes, onInternalError, counters: counters(implementation) }
    const call = { ...common, exchange, path: method, schemas }
    if (handler.kind === 'unary') await serveUnary({ ...call, handler } satisfies GatewayCall<'unary'>)
    else await serveStream({ ...call, handler } satisfies GatewayCall<'stream'>)
  }
}
