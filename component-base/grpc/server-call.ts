import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { constants } from 'node:http2'
import type { MessageType } from '../protobuf/message.ts'
import { Deframer, gunzip, encodeFrame, frameAround, frameHead, frameHeadBytes } from './frame.ts'
import { type CallCounters, countEnd, countReceived, countSent, countStart } from './call-counters.ts'
import type { GrpcServerOptions, Handler, ServerStreamCall } from './handler.ts'
import { MessageQueue } from './message-queue.ts'
import { peerCommonName } from './peer.ts'
import { encodeGrpcMessage, GrpcError, grpcCode } from './status.ts'
import { parseGrpcTimeout } from './timeout.ts'

interface CallParts {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly path: string
  readonly handler: Handler<unknown, unknown, unknown, unknown>
  readonly counters: CallCounters
  readonly options: GrpcServerOptions
}

const defaultMaxMessageBytes = 4 << 20
const responseHeaders = { ':status': 200, 'content-type': 'application/grpc' }
const okTrailers = { 'grpc-status': '0', 'grpc-message': '' }

const errorTrailers = (err: GrpcError): Record<string, string> => ({
  'grpc-status': String(err.code),
  'grpc-message': encodeGrpcMessage(err.details),
})

/** One call in progress. The end is reached exactly once, by `#finish` or by the stream closing under it. */
class Call {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly stream: ServerHttp2Stream
  requestBytes = 0
  readonly counters: CallCounters
  readonly #startedMs: number
  readonly #options: GrpcServerOptions
  #controller: AbortController | undefined
  #deadline: NodeJS.Timeout | undefined
  #state: 'open' | 'responding' | 'finished' = 'open'
  #onEnd: ((err: GrpcError) => void) | undefined
  #pending: Uint8Array[] = []
  #pendingBytes = 0

  constructor({ stream, headers, path, counters, options }: CallParts) {
    this.counters = counters
    this.#startedMs = countStart(counters)
    this.stream = stream
    this.headers = headers
    this.path = path
    this.#options = options
    const timeoutMs = parseGrpcTimeout(headers['grpc-timeout'])
    if (timeoutMs !== undefined) {
      this.#deadline = setTimeout(() => {
        const err = new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded')
        this.finish(err)
        this.#abort(err)
      }, timeoutMs)
    }
    stream.once('close', () => {
      clearTimeout(this.#deadline)
      if (this.#state !== 'finished') {
        this.#state = 'finished'
        this.#abort(new GrpcError(grpcCode.cancelled, 'context canceled'))
        countEnd(this.counters, grpcCode.cancelled, this.#startedMs)
      }
    })
  }

  /** Made only for handlers that ask: most unary calls never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#state === 'finished') this.#controller.abort()
    return this.#controller.signal
  }

  get peerCommonName(): string | undefined {
    return peerCommonName(this.stream)
  }

  get finished(): boolean {
    return this.#state === 'finished'
  }

  get bufferedBytes(): number {
    return this.#pendingBytes + this.stream.writableLength
  }

  /** Calls `listener` when the call ends before its handler does. */
  whenAborted(listener: (err: GrpcError) => void): void {
    this.#onEnd = listener
  }

  send(frame: Buffer): void {
    if (this.#state === 'finished') return
    this.#respond()
    countSent(this.counters, frame.length - frameHeadBytes)
    this.#queue(frame)
  }

  /** The same for the parts of one encoded message: they are copied once, when all that waits is joined. */
  sendParts(parts: readonly Uint8Array[]): void {
    if (this.#state === 'finished') return
    this.#respond()
    const before = this.#pendingBytes
    this.#queue(frameHead(parts))
    for (const part of parts) this.#queue(part)
    countSent(this.counters, this.#pendingBytes - before - frameHeadBytes)
  }

  /** The whole of a unary answer: headers, message (of one or more pieces with its frame head), trailers. */
  sendLast(pieces: readonly Uint8Array[]): void {
    if (this.#state === 'finished') return
    this.#respond(okTrailers)
    this.#finished(grpcCode.ok)
    countSent(
      this.counters,
      pieces.reduce((sum, piece) => sum + piece.length, -frameHeadBytes),
    )
    for (const piece of pieces.slice(0, -1)) this.stream.write(piece)
    this.stream.end(pieces.at(-1))
  }

  finish(err?: GrpcError): void {
    if (this.#state === 'finished' || this.stream.destroyed) return
    if (this.#state === 'open' && err !== undefined) {
      this.stream.respond({ ...responseHeaders, ...errorTrailers(err) }, { endStream: true })
    } else {
      this.#respond()
      this.#flush()
      this.stream.once('wantTrailers', () => {
        this.stream.sendTrailers(err === undefined ? okTrailers : errorTrailers(err))
        // A client that does not half-close would keep the stream open for ever.
        if (!this.stream.readableEnded) setImmediate(() => this.stream.close(constants.NGHTTP2_NO_ERROR))
      })
      this.stream.end()
    }
    this.#finished(err?.code ?? grpcCode.ok)
    // What the client is still sending is thrown away.
    if (!this.stream.readableEnded) this.stream.resume()
  }

  fail(thrown: unknown): void {
    if (!(thrown instanceof GrpcError)) this.#options.onInternalError?.(thrown, this.path)
    this.finish(GrpcError.from(thrown))
  }

  drained(): Promise<void> {
    this.#flush()
    if (this.stream.destroyed || this.stream.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.stream.off('drain', done)
        this.stream.off('close', done)
        resolve()
      }
      this.stream.on('drain', done)
      this.stream.on('close', done)
      // 'drain' comes only after a write that was refused; this one asks for it.
      this.stream.write(Buffer.alloc(0), done)
    })
  }

  #respond(trailers?: Record<string, string>): void {
    if (this.#state !== 'open') return
    this.#state = 'responding'
    this.stream.respond(responseHeaders, { waitForTrailers: true })
    if (trailers !== undefined) this.stream.once('wantTrailers', () => this.stream.sendTrailers(trailers))
  }

  #queue(bytes: Uint8Array): void {
    if (this.#pending.push(bytes) === 1) queueMicrotask(() => this.#flush())
    this.#pendingBytes += bytes.length
  }

  #flush(): void {
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    this.#pendingBytes = 0
    if (this.stream.destroyed || this.stream.writableEnded) return
    const [first] = pending
    this.stream.write(pending.length === 1 ? first : Buffer.concat(pending))
  }

  #finished(code: number): void {
    this.#state = 'finished'
    clearTimeout(this.#deadline)
    countEnd(this.counters, code, this.#startedMs)
  }

  #abort(err: GrpcError): void {
    this.#onEnd?.(err)
    this.#controller?.abort(err)
  }
}

const decodeRequest = <Out>(type: MessageType<Out, unknown>, bytes: Buffer): Out => {
  try {
    return type.decode(bytes)
  } catch (cause) {
    throw new GrpcError(grpcCode.internal, `grpc: error unmarshalling request: ${type.name}`, { cause })
  }
}

const startUnary = (
  call: Call,
  handler: Handler<unknown, unknown, unknown, unknown> & { readonly kind: 'unary' },
  deframer: Deframer,
): void => {
  let state: 'waiting' | 'called' = 'waiting'
  const answer = (response: unknown): void => {
    if (call.finished) return
    call.sendLast(response instanceof Uint8Array ? frameAround(response) : [encodeFrame(handler.response, response)])
  }
  const onMessage = (bytes: Buffer): void => {
    if (state === 'called') throw new GrpcError(grpcCode.internal, 'a unary call got two messages')
    state = 'called'
    call.requestBytes = bytes.length
    countReceived(call.counters, bytes.length)
    const response = handler.handle(decodeRequest(handler.request, bytes), call)
    if (response instanceof Promise) {
      response.then(answer).catch((err: unknown) => call.fail(err))
    } else answer(response)
  }
  call.stream.on('data', (chunk: Buffer) => {
    try {
      deframer.push(chunk, onMessage)
    } catch (err) {
      call.fail(err)
    }
  })
  call.stream.on('end', () => {
    if (state === 'waiting') call.fail(new GrpcError(grpcCode.internal, 'a unary call ended without a message'))
  })
}

const startStream = (
  call: Call,
  handler: Handler<unknown, unknown, unknown, unknown> & { readonly kind: 'stream' },
  deframer: Deframer,
): void => {
  const { stream } = call
  const requests = new MessageQueue<unknown>(stream)
  call.whenAborted((err) => requests.end(err))
  stream.on('data', (chunk: Buffer) => {
    try {
      deframer.push(chunk, (bytes) => {
        countReceived(call.counters, bytes.length)
        requests.push(decodeRequest(handler.request, bytes))
      })
    } catch (err) {
      call.fail(err)
      requests.end(err)
    }
  })
  stream.on('end', () => requests.end())
  const streamCall: ServerStreamCall<unknown, unknown> = {
    path: call.path,
    headers: call.headers,
    get peerCommonName() {
      return call.peerCommonName
    },
    requestBytes: 0,
    signal: call.signal,
    requests,
    write: (response) => call.send(encodeFrame(handler.response, response)),
    writeEncoded: (parts) => call.sendParts(parts),
    get bufferedBytes() {
      return call.bufferedBytes
    },
    drained: () => call.drained(),
  }
  handler.handle(streamCall).then(
    () => call.finish(),
    (err: unknown) => {
      if (!call.finished) call.fail(err)
    },
  )
}

/** Begins to serve one HTTP/2 stream. */
export const startCall = (parts: CallParts): void => {
  const { stream, headers, handler, options } = parts
  const call = new Call(parts)
  const encoding = headers['grpc-encoding']
  if (encoding !== undefined && encoding !== 'identity' && encoding !== 'gzip') {
    call.finish(
      new GrpcError(grpcCode.unimplemented, `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`),
    )
    stream.close(constants.NGHTTP2_NO_ERROR)
    return
  }
  const inflate = encoding === 'gzip' ? gunzip : undefined
  const deframer = new Deframer(options.maxMessageBytes ?? defaultMaxMessageBytes, inflate)
  if (handler.kind === 'unary') startUnary(call, handler, deframer)
  else startStream(call, handler, deframer)
}
