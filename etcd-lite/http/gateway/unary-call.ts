/** A unary method, or one with a stream of answers to one request, over HTTP and JSON. */
import { countEnd, countReceived, countSent, countStart } from '../../../component-base/grpc/call-counters.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import { jsonToProto } from '../../../component-base/protobuf/json/from-json.ts'
import { JsonEndError, type JsonTree, parseFirstJson } from '../../../component-base/protobuf/json/parse.ts'
import { protoToJson } from '../../../component-base/protobuf/json/to-json.ts'
import type { HttpExchange } from '../exchange.ts'
import { type GatewayCall, maxTextBytes, metadataOf, tooLarge, watchClient } from './call.ts'
import { jsonHeaders, requestError, sendError } from './errors.ts'

/** Header of every answer that came from a handler: the metadata of the gRPC call within. */
export const grpcHeaders = { ...jsonHeaders, 'grpc-metadata-content-type': 'application/grpc' } as const

/** The text of a body; rejects above `maxBytes`. */
const readText = (exchange: HttpExchange, maxBytes: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    exchange.body.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) reject(tooLarge(size, maxBytes))
      else chunks.push(chunk)
    })
    exchange.body.once('end', () => resolve(Buffer.concat(chunks).toString()))
    exchange.body.once('close', () => reject(new GrpcError(grpcCode.cancelled, 'context canceled')))
  })

/** An empty body is an empty request. */
const parseBody = (text: string): JsonTree => {
  try {
    return parseFirstJson(text).value
  } catch (err) {
    if (err instanceof JsonEndError && err.empty) return null
    throw err
  }
}

export interface DecodedRequest {
  readonly request: unknown
  readonly bytes: number
}

/** Reads the one request of a call. Throws GrpcError. */
export const readRequest = async (call: GatewayCall<'unary'> | GatewayCall<'stream'>): Promise<DecodedRequest> => {
  const { exchange, handler, maxMessageBytes, schemas, counters } = call
  const text = await readText(exchange, maxTextBytes(maxMessageBytes))
  let bytes: Buffer
  try {
    bytes = jsonToProto(handler.request, parseBody(text), schemas)
  } catch (err) {
    throw requestError(err, grpcCode.invalidArgument)
  }
  if (bytes.length > maxMessageBytes) throw tooLarge(bytes.length, maxMessageBytes)
  countReceived(counters, bytes.length)
  return { request: handler.request.decode(bytes), bytes: bytes.length }
}

const encodeAnswer = ({ handler }: GatewayCall<'unary'>, response: unknown): Uint8Array =>
  response instanceof Uint8Array ? response : handler.response.encode(response)

/** Serves a unary call. */
export const serveUnary = async (call: GatewayCall<'unary'>): Promise<void> => {
  const { exchange, path, handler, schemas, counters } = call
  const startedMs = countStart(counters)
  const controller = new AbortController()
  let ended = false
  const end = (code: number, answer: () => void): void => {
    if (ended) return
    ended = true
    stopWatching()
    answer()
    countEnd(counters, code, startedMs)
  }
  const fail = (thrown: unknown): void => {
    if (!ended && !(thrown instanceof GrpcError)) call.onInternalError(thrown, path)
    const err = GrpcError.from(thrown)
    end(err.code, () => sendError(exchange, err))
  }
  const stopWatching = watchClient(exchange, (err) => {
    fail(err)
    controller.abort(err)
  })
  try {
    const { request, bytes } = await readRequest(call)
    const context = {
      path,
      headers: metadataOf(exchange.headers),
      peerCommonName: undefined,
      requestBytes: bytes,
      signal: controller.signal,
    }
    const response = encodeAnswer(call, await handler.handle(request, context))
    countSent(counters, response.length)
    end(grpcCode.ok, () => exchange.send(200, grpcHeaders, protoToJson(handler.response, response, schemas)))
  } catch (err) {
    fail(err)
  }
}
