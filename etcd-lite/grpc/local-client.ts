/**
 * A client of the services within this process: what etcd's lock and election services call etcd with. The caller's
 * credentials go with every call.
 */
import { kv, lease, watch } from '../../component-base/etcd/service.ts'
import type { DeleteRangeRequestInit, RangeRequestInit, TxnRequestInit } from '../../component-base/etcd/messages.ts'
import type { WatchCreateRequestInit, WatchResponse } from '../../component-base/etcd/watch-messages.ts'
import type { GrpcMethod } from '../../component-base/grpc/method.ts'
import { MessageQueue } from '../../component-base/grpc/message-queue.ts'
import type { CallContext, Implementation, ServerStreamCall } from '../../component-base/grpc/server.ts'
import type { OutputOf } from '../../component-base/protobuf/message.ts'

/** A watch with more than this not yet taken by its reader is slow, as one with a slow connection. */
const unbounded = { pause: () => {}, resume: () => {} }

export class LocalClient {
  readonly #handlers: ReadonlyMap<string, Implementation['handler']>

  constructor(implementations: readonly Implementation[]) {
    this.#handlers = new Map(implementations.map(({ path, handler }) => [path, handler]))
  }

  range(request: RangeRequestInit, call: CallContext): Promise<OutputOf<typeof kv.range.response>> {
    return this.#unary(kv.range, request, call)
  }

  txn(request: TxnRequestInit, call: CallContext): Promise<OutputOf<typeof kv.txn.response>> {
    return this.#unary(kv.txn, request, call)
  }

  deleteRange(request: DeleteRangeRequestInit, call: CallContext): Promise<OutputOf<typeof kv.deleteRange.response>> {
    return this.#unary(kv.deleteRange, request, call)
  }

  async grantLease(ttlSeconds: number, call: CallContext): Promise<bigint> {
    return (await this.#unary(lease.grant, { TTL: ttlSeconds }, call)).ID
  }

  /** The responses of one watch; the first one says that it is created. Ends when `signal` is aborted. */
  async *watch(
    create: WatchCreateRequestInit,
    call: CallContext,
    signal: AbortSignal,
  ): AsyncGenerator<WatchResponse, void, void> {
    const handler = this.#handlers.get(watch.watch.path)
    if (handler?.kind !== 'stream') throw new Error('there is no watch service')
    const requests = new MessageQueue<unknown>(unbounded)
    requests.push(watch.watch.request.decode(watch.watch.request.encode({ createRequest: create })))
    const stream = new LocalStream(call, requests, signal)
    signal.addEventListener('abort', () => stream.end(), { once: true })
    if (signal.aborted) stream.end()
    handler.handle(stream.call).then(
      () => stream.end(),
      (err: unknown) => stream.end(err),
    )
    try {
      for await (const bytes of stream.responses) {
        stream.took(bytes.length)
        yield watch.watch.response.decode(bytes)
      }
    } finally {
      requests.end()
    }
  }

  async #unary<ReqOut, ReqIn, ResOut, ResIn>(
    method: GrpcMethod<'unary', ReqOut, ReqIn, ResOut, ResIn>,
    request: ReqIn,
    call: CallContext,
  ): Promise<ResOut> {
    const handler = this.#handlers.get(method.path)
    if (handler?.kind !== 'unary') throw new Error(`there is no ${method.path}`)
    const bytes = method.request.encode(request)
    const context: CallContext = {
      path: method.path,
      headers: call.headers,
      peerCommonName: call.peerCommonName,
      requestBytes: bytes.length,
      get signal() {
        return call.signal
      },
    }
    const response = await handler.handle(method.request.decode(bytes), context)
    return method.response.decode(response instanceof Uint8Array ? response : handler.response.encode(response))
  }
}

/** Both ends of a stream within the process. */
class LocalStream {
  readonly responses = new MessageQueue<Buffer>(unbounded)
  readonly call: ServerStreamCall<unknown, unknown>
  #bufferedBytes = 0
  #drained: (() => void)[] = []

  constructor(call: CallContext, requests: AsyncIterable<unknown>, signal: AbortSignal) {
    const buffered = (): number => this.#bufferedBytes
    this.call = {
      path: watch.watch.path,
      headers: call.headers,
      peerCommonName: call.peerCommonName,
      requestBytes: 0,
      signal,
      requests,
      write: (response) => this.#push(watch.watch.response.encode(response as WatchResponse)),
      writeEncoded: (parts) => this.#push(Buffer.concat(parts)),
      get bufferedBytes() {
        return buffered()
      },
      drained: () => this.#whenDrained(),
    }
  }

  took(bytes: number): void {
    this.#bufferedBytes -= bytes
    if (this.#bufferedBytes === 0) this.#wake()
  }

  end(err?: unknown): void {
    this.responses.end(err)
    this.#wake()
  }

  #push(bytes: Buffer): void {
    this.#bufferedBytes += bytes.length
    this.responses.push(bytes)
  }

  #whenDrained(): Promise<void> {
    if (this.#bufferedBytes === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#drained.push(resolve)
    })
  }

  #wake(): void {
    const waiting = this.#drained
    this.#drained = []
    for (const resolve of waiting) resolve()
  }
}
