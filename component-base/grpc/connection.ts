/** One HTTP/2 connection to one of several endpoints, made when needed and made again with back-off when lost. */
import http2 from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { Backoff } from '../backoff.ts'
import { realClock, sleep } from '../clock.ts'
import { GrpcError, grpcCode } from './status.ts'

/** PEM texts. Read anew at every connection when given as a function, so that rotated files are taken up. */
export interface ChannelTls {
  readonly ca?: string | Buffer | undefined
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly serverName?: string | undefined
}

export interface ConnectionOptions {
  /** URLs, `http://`, `https://` or `unix:///path`; tried in turn, beginning with the one that worked last. */
  readonly endpoints: readonly string[]
  readonly tls?: ChannelTls | (() => ChannelTls) | undefined
  /** Default 5 s. */
  readonly connectTimeoutMs?: number
  /** While calls are open, a PING after this much time; the connection is dropped when it stays unanswered for 10 s. Default 30 s, 0 turns it off. */
  readonly keepaliveMs?: number
}

type State =
  | { readonly type: 'idle'; readonly retryAtMs: number }
  | { readonly type: 'connecting'; readonly session: Promise<http2.ClientHttp2Session> }
  | { readonly type: 'ready'; readonly session: http2.ClientHttp2Session }
  | { readonly type: 'closed' }

const streamWindowBytes = 4 << 20
const connectionWindowBytes = 64 << 20
const defaultConnectTimeoutMs = 5000
const defaultKeepaliveMs = 30_000
const keepaliveTimeoutMs = 10_000
const backoffOptions = { initialMs: 50, maxMs: 5000 }

/** `unix:///@name` is a socket without a file, in Linux's abstract namespace. */
const socketPath = ({ pathname }: URL): string => {
  const path = decodeURIComponent(pathname)
  return path.startsWith('/@') ? `\0${path.slice(2)}` : path
}

const openSocket = (url: URL, tlsOptions: ChannelTls | undefined): net.Socket => {
  if (url.protocol === 'unix:') return net.connect(socketPath(url))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secure = url.protocol === 'https:'
  const socket = { host, port: Number(url.port || (secure ? 443 : 80)), noDelay: true, keepAlive: true }
  if (!secure) return net.connect(socket)
  const { ca, cert, key, serverName } = tlsOptions ?? {}
  const servername = serverName ?? (net.isIP(host) === 0 ? host : '')
  return tls.connect({ ...socket, ca, cert, key, servername, ALPNProtocols: ['h2'] })
}

const connectTo = (endpoint: string, options: ConnectionOptions): Promise<http2.ClientHttp2Session> => {
  const url = new URL(endpoint)
  const tlsOptions = typeof options.tls === 'function' ? options.tls() : options.tls
  const session = http2.connect(url.protocol === 'unix:' ? 'http://localhost' : url.origin, {
    settings: { initialWindowSize: streamWindowBytes, enablePush: false },
    maxSessionMemory: 1024,
    createConnection: () => openSocket(url, tlsOptions),
  })
  return new Promise((resolve, reject) => {
    const fail = (err: Error): void => {
      clearTimeout(timer)
      session.destroy()
      reject(err)
    }
    const timer = setTimeout(
      () => fail(new Error(`connection to ${endpoint} timed out`)),
      options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    )
    session.on('error', fail) // stays: an error later on must have a listener
    session.once('close', () => fail(new Error(`connection to ${endpoint} was closed`)))
    session.once('connect', () => {
      clearTimeout(timer)
      session.setLocalWindowSize(connectionWindowBytes)
      session.unref()
      resolve(session)
    })
  })
}

export class Connection {
  readonly #options: ConnectionOptions
  #state: State = { type: 'idle', retryAtMs: 0 }
  #preferred = 0
  readonly #backoff = new Backoff(backoffOptions)
  /** A connection that said goodbye still has its calls, beside the one that replaced it. */
  readonly #openCalls = new Map<http2.ClientHttp2Session, number>()
  #keepalive: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    if (options.endpoints.length === 0) throw new RangeError('at least one endpoint is needed')
    this.#options = options
  }

  /** The session if it is usable at this moment: the fast way of every call but the first. */
  get ready(): http2.ClientHttp2Session | undefined {
    return this.#state.type === 'ready' && !this.#state.session.closed && !this.#state.session.destroyed
      ? this.#state.session
      : undefined
  }

  /** A usable session. Waits for back-off and connects when there is none; one round over all endpoints, then Unavailable. */
  connect(): Promise<http2.ClientHttp2Session> {
    const state = this.#state
    switch (state.type) {
      case 'closed':
        return Promise.reject(new GrpcError(grpcCode.cancelled, 'the client connection is closing'))
      case 'connecting':
        return state.session
      case 'ready':
        if (this.ready !== undefined) return Promise.resolve(state.session)
        return this.#start(0)
      case 'idle':
        return this.#start(state.retryAtMs - realClock.now())
    }
  }

  /** Counts open calls: the process stays alive and the connection is probed only while there are some. */
  callStarted(session: http2.ClientHttp2Session): void {
    const open = (this.#openCalls.get(session) ?? 0) + 1
    this.#openCalls.set(session, open)
    if (open > 1) return
    session.ref()
    if (this.#keepalive === undefined) this.#scheduleKeepalive()
  }

  callEnded(session: http2.ClientHttp2Session): void {
    const open = (this.#openCalls.get(session) ?? 1) - 1
    if (open > 0) {
      this.#openCalls.set(session, open)
      return
    }
    this.#openCalls.delete(session)
    if (!session.destroyed) session.unref()
  }

  /** Leaves an endpoint that answers but is of no use, for the next one; calls on it go on. */
  useNextEndpoint(): void {
    const session = this.ready
    if (session === undefined || this.#options.endpoints.length < 2) return
    this.#preferred = (this.#preferred + 1) % this.#options.endpoints.length
    this.#state = { type: 'idle', retryAtMs: 0 }
    session.close()
  }

  close(): void {
    const state = this.#state
    this.#state = { type: 'closed' }
    clearTimeout(this.#keepalive)
    if (state.type === 'ready') state.session.destroy()
    if (state.type === 'connecting') {
      state.session.then(
        (session) => session.destroy(),
        () => {},
      )
    }
  }

  #start(waitMs: number): Promise<http2.ClientHttp2Session> {
    const session = this.#connectRound(waitMs)
    this.#state = { type: 'connecting', session }
    return session
  }

  async #connectRound(waitMs: number): Promise<http2.ClientHttp2Session> {
    if (waitMs > 0) await sleep(waitMs)
    const { endpoints } = this.#options
    let lastError: unknown
    for (let i = 0; i < endpoints.length; i++) {
      const index = (this.#preferred + i) % endpoints.length
      const endpoint = endpoints[index] ?? ''
      try {
        const session = await connectTo(endpoint, this.#options)
        if (this.#state.type === 'closed') {
          session.destroy()
          break
        }
        this.#preferred = index
        this.#adopt(session)
        return session
      } catch (err) {
        lastError = err
      }
    }
    if (this.#state.type !== 'closed') {
      this.#state = { type: 'idle', retryAtMs: realClock.now() + this.#backoff.next() }
    }
    const reason = lastError instanceof Error ? lastError.message : String(lastError)
    throw new GrpcError(grpcCode.unavailable, `connection error: ${reason}`, { cause: lastError })
  }

  #adopt(session: http2.ClientHttp2Session): void {
    this.#state = { type: 'ready', session }
    this.#backoff.reset()
    const lost = (): void => {
      if (this.#state.type === 'ready' && this.#state.session === session) {
        this.#state = { type: 'idle', retryAtMs: 0 }
      }
    }
    session.once('close', lost)
    session.once('goaway', lost) // calls in progress go on; new ones take a new connection
  }

  #scheduleKeepalive(): void {
    const intervalMs = this.#options.keepaliveMs ?? defaultKeepaliveMs
    if (intervalMs <= 0) return
    this.#keepalive = setTimeout(() => {
      this.#keepalive = undefined
      if (this.#openCalls.size === 0) return
      for (const session of this.#openCalls.keys()) probe(session)
      this.#scheduleKeepalive()
    }, intervalMs)
    this.#keepalive.unref()
  }
}

/** Drops a connection that does not answer: its calls end with Unavailable instead of hanging. */
const probe = (session: http2.ClientHttp2Session): void => {
  if (session.destroyed) return
  const unanswered = setTimeout(() => session.destroy(new Error('keepalive ping failed')), keepaliveTimeoutMs)
  unanswered.unref()
  session.ping(() => clearTimeout(unanswered))
}
