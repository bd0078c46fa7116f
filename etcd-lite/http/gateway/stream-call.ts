/** A streaming method over HTTP: JSON values come in, one `{"result":…}` a line goes out, chunked. */
import { countEnd, countReceived, countSent, countStart } from '../../../component-base/grpc/call-counters.ts'
import type { ServerStreamCall } from '../../../component-base/grpc/handler.ts'
import { MessageQueue } from '../../../component-base/grpc/message-queue.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import { jsonToProto } from '../../../component-base/protobuf/json/from-json.ts'
import type { JsonTree } from '../../../component-base/protobuf/json/parse.ts'
import { protoToJson } from '../../../component-base/protobuf/json/to-json.ts'
import { type GatewayCall, maxTextBytes, metadataOf, watchClient } from './call.ts'
import { endWithError, requestError, sendError } from './errors.ts'
import { JsonStream } from './json-stream.ts'
import { grpcHeaders, readRequest } from './unary-call.ts'

/** The requests of a call with one; rejects with GrpcError when it cannot be read. */
const singleRequest = async (call: GatewayCall<'stream'>, requests: MessageQueue<unknown>): Promise<void> => {
  requests.push((await readRequest(call)).request)
  requests.end()
}

/**
 * Feeds `requests` from the body. Resolves at the first request, or at the end of a body without any; rejects when the
 * first one cannot be read. A later one that cannot be read ends the requests, not the answers.
 */
const streamedRequests = (call: GatewayCall<'stream'>, requests: MessageQueue<unknown>): Promise<void> =>
  new Promise((resolve, reject) => {
    const { exchange, handler, schemas } = call
    const stream = new JsonStream(maxTextBytes(call.maxMessageBytes))
    const take = (tree: JsonTree): void => {
      const bytes = jsonToProto(handler.request, tree, schemas)
      countReceived(call.counters, bytes.length)
      requests.push(handler.request.decode(bytes))
      resolve()
    }
    const fail = (err: unknown): void => {
      requests.end()
      reject(requestError(err, grpcCode.unknown))
    }
    exchange.body.on('data', (chunk: Buffer) => {
      try {
        for (const tree of stream.push(chunk)) take(tree)
      } catch (err) {
        fail(err)
      }
    })
    exchange.body.once('end', () => {
      try {
        const last = stream.finish()
        if (last !== undefined) take(last)
        requests.end()
        resolve()
      } catch (err) {
        fail(err)
      }
    })
  })

/** Serves a streaming call of either kind. */
export const serveStream = async (call: GatewayCall<'stream'>): Promise<void> => {
  const { exchange, path, handler, schemas, counters } = call
  const startedMs = countStart(counters)
  const controller = new AbortController()
  const requests = new MessageQueue<unknown>(exchange.body)
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
    end(err.code, () => endWithError(exchange, err))
  }
  const stopWatching = watchClient(exchange, (err) => {
    fail(err)
    requests.end(err)
    controller.abort(err)
  })
  const writeEncoded = (parts: readonly Uint8Array[]): void => {
    if (ended) return
    exchange.respond(200, grpcHeaders)
    const bytes = Buffer.concat(parts)
    countSent(counters, bytes.length)
    exchange.write(`{"result":${protoToJson(handler.response, bytes, schemas)}}\n`)
  }
  const streamCall: ServerStreamCall<unknown, unknown> = {
    path,
    headers: metadataOf(exchange.headers),
    peerCommonName: undefined,
    requestBytes: 0,
    signal: controller.signal,
    requests,
    write: (response) => writeEncoded([handler.response.encode(response)]),
    writeEncoded,
    get bufferedBytes() {
      return exchange.bufferedBytes
    },
    drained: () => exchange.drained(),
  }
  try {
    await (handler.clientStreaming ? streamedRequests(call, requests) : singleRequest(call, requests))
  } catch (err) {
    const refusal = GrpcError.from(err)
    end(refusal.code, () => sendError(exchange, refusal))
    return
  }
  try {
    await handler.handle(streamCall)
    end(grpcCode.ok, () => {
      exchange.respond(200, grpcHeaders)
      exchange.end()
    })
  } catch (err) {
    fail(err)
  }
}
