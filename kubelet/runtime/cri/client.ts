/** The connection to a CRI runtime, and how its errors read. */
import { type CallOptions, GrpcChannel } from '../../../component-base/grpc/client.ts'
import type { GrpcMethod } from '../../../component-base/grpc/method.ts'
import { GrpcError, grpcCode, grpcCodeName } from '../../../component-base/grpc/status.ts'

/** Most that a runtime may answer: lists of all containers. Upstream: maxMsgSize. */
const maxMessageBytes = 16 * 1024 * 1024
/** KubeletConfiguration.runtimeRequestTimeout's default. */
const requestTimeoutMs = 120_000

export interface CriClient {
  call<ReqOut, ReqIn, ResOut, ResIn>(
    method: GrpcMethod<'unary', ReqOut, ReqIn, ResOut, ResIn>,
    request: ReqIn,
    options?: CallOptions,
  ): Promise<ResOut>
  readonly channel: GrpcChannel
  close(): void
}

/** `unix:///path`, or the path alone. */
export const connectCri = (endpoint: string): CriClient => {
  const url = endpoint.startsWith('/') ? `unix://${endpoint}` : endpoint
  // A socket of this machine needs no pings, and Go's servers hang up on who sends more than one in five minutes.
  const channel = new GrpcChannel({ endpoints: [url], maxMessageBytes, userAgent: 'kubelet', keepaliveMs: 0 })
  return {
    channel,
    call: (method, request, options) => channel.unary(method, request, { timeoutMs: requestTimeoutMs, ...options }),
    close: () => channel.close(),
  }
}

const hasCode = (error: unknown, code: number): boolean => error instanceof GrpcError && error.code === code

const isNotFound = (error: unknown): boolean => hasCode(error, grpcCode.notFound)
export const isUnimplemented = (error: unknown): boolean => hasCode(error, grpcCode.unimplemented)
export const isUnavailable = (error: unknown): boolean => hasCode(error, grpcCode.unavailable)
export const isUnknown = (error: unknown): error is GrpcError => hasCode(error, grpcCode.unknown)
export const isDeadline = (error: unknown): boolean => hasCode(error, grpcCode.deadlineExceeded)

/** Undefined where the runtime knows no such thing. */
export const orUndefined = async <T>(promise: Promise<T>): Promise<T | undefined> => {
  try {
    return await promise
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** For actions that are already done where the runtime knows no such thing. */
export const unlessGone = async (promise: Promise<unknown>): Promise<void> => {
  await orUndefined(promise)
}

/** As Go prints it: `rpc error: code = NotFound desc = …`, which events and messages show. */
export const rpcErrorText = (error: unknown): string => {
  if (error instanceof GrpcError) return `rpc error: code = ${grpcCodeName(error.code)} desc = ${error.details}`
  return error instanceof Error ? error.message : String(error)
}

/** Waits, and throws a runtime's error with its text as Go prints it. */
export const withRpcText = async <T>(promise: Promise<T>): Promise<T> => {
  try {
    return await promise
  } catch (error) {
    throw error instanceof GrpcError ? new Error(rpcErrorText(error), { cause: error }) : error
  }
}

/** CRI's times are nanoseconds. */
export const millis = (nanoseconds: number): number => Math.floor(nanoseconds / 1e6)
