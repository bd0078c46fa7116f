/**
 * A gRPC client on node:http2: one connection, all calls multiplexed on it.
 *
 * Guarantees: every call ends exactly once, with its answer or with a GrpcError; a lost connection fails the calls on
 * it with Unavailable and the next call connects again (with back-off, over all endpoints in turn); a call that was
 * never sent is sent once more on a new connection.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { Connection, type ConnectionOptions } from './connection.ts'
import { Deframer, encodeFrame } from './frame.ts'
import { MessageQueue } from './message-queue.ts'
import type { GrpcMethod } from './method.ts'
import { codeFromHttpStatus, GrpcError, grpcCode, statusFromHeaders } from './status.ts'
import { formatGrpcTimeout } from './timeout.ts'

export type { ChannelTls, ConnectionOptions } from './connection.ts'

export interface ChannelOptions extends ConnectionOptions {
  /** Largest response message. Default: no limit but the format's, as etcd's client has it. */
  readonly maxMessageBytes?: number
  readonly userAgent?: string
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Deadline of the whole call; sent to the server too. */
  readonly timeoutMs?: number | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** An open streaming call. `responses` throws GrpcError when the call does not end with OK. */
export interface ClientStreamCall<Req, Res> {
  readonly responses: AsyncIterable<Res>
  write(request: Req): void
  /** Half-closes: no more requests. */
  end(): void
  cancel(): void
}

interface CallEvents {
  onMessage(message: Buffer): void
  onEnd(err: GrpcError | undefined): void
}

const maxFrameBytes = 0xffff_ffff

const abortError = (signal: AbortSignal): GrpcError =>
  new GrpcError(grpcCode.cancelled, 'context canceled', { cause: signal.reason })

const wasNeverSent = (stream: ClientHttp2Stream): boolean =>
  stream.id === undefined || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM

/** Wires one HTTP/2 stream to `events`; `onEnd` is called exactly once. */
const runCall = (
  connection: Connection,
  session: ClientHttp2Session,
  headers: Record<string, string>,
  options: CallOptions,
  maxMessageBytes: number,
  events: CallEvents,
): ClientHttp2Stream => {
  const { signal, timeoutMs } = options
  const stream = session.request(headers)
  connection.callStarted(session)
  const deframer = new Deframer(maxMessageBytes)
  let status: ReturnType<typeof statusFromHeaders>
  let failure: GrpcError | undefined
  let timer: NodeJS.Timeout | undefined
  const abandon = (err: GrpcError): void => {
    failure ??= err
    stream.close(constants.NGHTTP2_CANCEL)
  }
  const onAbort = (): void => {
    if (signal !== undefined) abandon(abortError(signal))
  }
  if (timeoutMs !== undefined) {
    timer = setTimeout(() => abandon(new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded')), timeoutMs)
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  stream.on('response', (response) => {
    const httpStatus = response[':status'] ?? 200
    status = statusFromHeaders(response)
    if (httpStatus !== 200 && status === undefined) {
      failure ??= new GrpcError(
        codeFromHttpStatus(httpStatus),
        `unexpected HTTP status code received from server: ${httpStatus}`,
      )
    }
  })
  stream.on('trailers', (trailers) => {
    status = statusFromHeaders(trailers)
  })
  stream.on('data', (chunk: Buffer) => {
    if (failure !== undefined) return
    try {
      deframer.push(chunk, events.onMessage)
    } catch (err) {
      abandon(GrpcError.from(err))
    }
  })
  stream.on('end', () => {
    // The answer is complete, trailers included; a request still being written is of no use to anybody.
    if (!stream.writableFinished) stream.close(constants.NGHTTP2_CANCEL)
  })
  stream.on('error', (err) => {
    failure ??= new GrpcError(grpcCode.unavailable, `transport: ${err.message}`, { cause: err })
  })
  stream.on('close', () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    connection.callEnded(session)
    if (status !== undefined && (failure === undefined || failure.code === grpcCode.unavailable)) {
      events.onEnd(status.code === grpcCode.ok ? undefined : new GrpcError(status.code, status.message))
    } else {
      events.onEnd(failure ?? new GrpcError(grpcCode.unavailable, 'transport: the connection was lost'))
    }
  })
  return stream
}

export class GrpcChannel {
  readonly #connection: Connection
  readonly #maxMessageBytes: number
  readonly #userAgent: string

  constructor(options: ChannelOptions) {
    this.#connection = new Connection(options)
    this.#maxMessageBytes = options.maxMessageBytes ?? maxFrameBytes
    this.#userAgent = options.userAgent ?? 'grpc-kubets'
  }

  /** Calls a unary method. Throws GrpcError. */
  unary<ReqOut, ReqIn, ResOut, ResIn>(
    method: GrpcMethod<'unary', ReqOut, ReqIn, ResOut, ResIn>,
    request: ReqIn,
    options: CallOptions = {},
  ): Promise<ResOut> {
    const frame = encodeFrame(method.request, request)
    const session = this.#connection.ready
    if (session !== undefined) return this.#unaryOn(session, method, frame, options, 'may-retry')
    return this.#connect(options).then((fresh) => this.#unaryOn(fresh, method, frame, options, 'may-retry'))
  }

  /** Opens a streaming call; it starts to connect at once, and errors come out of `responses`. */
  stream<ReqOut, ReqIn, ResOut, ResIn>(
    method: GrpcMethod<'bidi' | 'server-stream', ReqOut, ReqIn, ResOut, ResIn>,
    options: CallOptions = {},
  ): ClientStreamCall<ReqIn, ResOut> {
    const cancelled = new AbortController()
    const signal = options.signal === undefined ? cancelled.signal : AbortSignal.any([options.signal, cancelled.signal])
    let stream: ClientHttp2Stream | undefined
    let early: (Buffer | 'end')[] = []
    const responses = new MessageQueue<ResOut>({
      pause: () => stream?.pause(),
      resume: () => stream?.resume(),
    })
    const open = (session: ClientHttp2Session): void => {
      signal.throwIfAborted()
      stream = runCall(
        this.#connection,
        session,
        this.#headers(method.path, options),
        { ...options, signal },
        this.#maxMessageBytes,
        {
          onMessage: (bytes) => responses.push(method.response.decode(bytes)),
          onEnd: (err) => responses.end(err),
        },
      )
      for (const item of early) {
        if (item === 'end') stream.end()
        else stream.write(item)
      }
      early = []
    }
    this.#connect({ ...options, signal })
      .then(open)
      .catch((err: unknown) => responses.end(signal.aborted ? abortError(signal) : GrpcError.from(err)))
    return {
      responses,
      write: (request) => {
        const frame = encodeFrame(method.request, request)
        if (stream === undefined) early.push(frame)
        else if (!stream.destroyed && !stream.writableEnded) stream.write(frame)
      },
      end: () => {
        if (stream === undefined) early.push('end')
        else stream.end()
      },
      cancel: () => cancelled.abort(),
    }
  }

  /** The next calls go to another endpoint; calls in progress end where they are. */
  useNextEndpoint(): void {
    this.#connection.useNextEndpoint()
  }

  close(): void {
    this.#connection.close()
  }

  /** A session, or the end of the call's patience, whichever is first. */
  #connect({ signal, timeoutMs }: CallOptions): Promise<ClientHttp2Session> {
    if (signal?.aborted === true) return Promise.reject(abortError(signal))
    const connecting = this.#connection.connect()
    if (signal === undefined && timeoutMs === undefined) return connecting
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer)
        if (signal !== undefined) reject(abortError(signal))
      }
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => reject(new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded')), timeoutMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      connecting.then(resolve, reject).finally(() => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      })
    })
  }

  #unaryOn<ResOut, ResIn>(
    session: ClientHttp2Session,
    method: GrpcMethod<'unary', unknown, never, ResOut, ResIn>,
    frame: Buffer,
    options: CallOptions,
    retry: 'may-retry' | 'last-try',
  ): Promise<ResOut> {
    return new Promise<ResOut>((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(abortError(options.signal))
        return
      }
      let answer: Buffer | undefined
      const stream = runCall(
        this.#connection,
        session,
        this.#headers(method.path, options),
        options,
        this.#maxMessageBytes,
        {
          onMessage: (bytes) => {
            answer = bytes
          },
          onEnd: (err) => {
            if (err === undefined) {
              if (answer === undefined) reject(new GrpcError(grpcCode.internal, 'the server sent no message'))
              else resolve(method.response.decode(answer))
            } else if (retry === 'may-retry' && err.code === grpcCode.unavailable && wasNeverSent(stream)) {
              this.#connect(options)
                .then((fresh) => this.#unaryOn(fresh, method, frame, options, 'last-try'))
                .then(resolve, reject)
            } else reject(err)
          },
        },
      )
      stream.end(frame)
    })
  }

  #headers(path: string, { timeoutMs, metadata }: CallOptions): Record<string, string> {
    return {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': this.#userAgent,
      ...(timeoutMs === undefined ? {} : { 'grpc-timeout': formatGrpcTimeout(timeoutMs) }),
      ...metadata,
    }
  }
}
