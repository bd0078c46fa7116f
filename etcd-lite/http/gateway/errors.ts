/** Errors as grpc-gateway (v1.16, which etcd 3.5 has) gives them to HTTP clients. */
import { GrpcError, type GrpcCode, grpcCode } from '../../../component-base/grpc/status.ts'
import { STATUS_CODES } from '../../../component-base/node-http.ts'
import { goJsonString } from '../../../component-base/protobuf/json/to-json.ts'
import type { HttpExchange } from '../exchange.ts'

const httpStatus: Readonly<Record<GrpcCode, number>> = {
  [grpcCode.ok]: 200,
  [grpcCode.cancelled]: 408,
  [grpcCode.unknown]: 500,
  [grpcCode.invalidArgument]: 400,
  [grpcCode.deadlineExceeded]: 504,
  [grpcCode.notFound]: 404,
  [grpcCode.alreadyExists]: 409,
  [grpcCode.permissionDenied]: 403,
  [grpcCode.resourceExhausted]: 429,
  [grpcCode.failedPrecondition]: 400,
  [grpcCode.aborted]: 409,
  [grpcCode.outOfRange]: 400,
  [grpcCode.unimplemented]: 501,
  [grpcCode.internal]: 500,
  [grpcCode.unavailable]: 503,
  [grpcCode.dataLoss]: 500,
  [grpcCode.unauthenticated]: 401,
}

export const jsonHeaders = { 'content-type': 'application/json' } as const

/** Answers a call that failed before it answered anything. */
export const sendError = (exchange: HttpExchange, { code, details }: GrpcError): void => {
  const text = goJsonString(details)
  const message = details === '' ? '' : `,"message":${text}`
  const error = details === '' ? '' : `"error":${text},`
  exchange.send(httpStatus[code], jsonHeaders, `{${error}"code":${code}${message}}`)
}

/** Ends a stream with an error: as the answer if there is none yet, else as the last chunk. */
export const endWithError = (exchange: HttpExchange, { code, details }: GrpcError): void => {
  const status = httpStatus[code]
  exchange.respond(status, jsonHeaders)
  const message = details === '' ? '' : `"message":${goJsonString(details)},`
  exchange.end(
    `{"error":{"grpc_code":${code},"http_code":${status},${message}"http_status":"${STATUS_CODES[status] ?? ''}"}}`,
  )
}

/** What went wrong with a request's JSON, as the status that it gets. */
export const requestError = (err: unknown, code: GrpcCode): GrpcError =>
  err instanceof GrpcError ? err : new GrpcError(code, err instanceof Error ? err.message : String(err))
