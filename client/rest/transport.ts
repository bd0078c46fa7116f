/** Connections to one API server: TLS, pools, rotation, time limits. Knows HTTP, not Kubernetes. */
// Not undici's index, which also loads fetch, WebSocket, caches and mocks: 13 MB in every process.
import apiRequest from 'undici/lib/api/api-request.js'
import Agent from 'undici/lib/dispatcher/agent.js'
import type { Dispatcher } from 'undici'
import { deadline, DeadlineExceededError } from '../../component-base/async/deadline.ts'
import { realClock } from '../../component-base/clock.ts'
import { ConnectionHealth } from './connection-health.ts'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'
import type { Method } from './options.ts'
import { type Answer, parseRetryAfter } from './request.ts'

/** Connections for plain requests: requests beyond them wait for one. */
const maxConnections = 32
const probeTimeoutMs = 15_000
/** A server answers a watch at once, long before its first event. */
const watchHeadersTimeoutMs = 60_000

export interface HttpRequest {
  readonly method: Method
  /** With the query. */
  readonly path: string
  readonly contentType?: string
  readonly body?: string
}

export interface Transport {
  /** Rejects with RequestError if there is no answer within `timeoutMs`, or with the signal's reason. */
  readonly request: (request: HttpRequest, timeoutMs: number, signal?: AbortSignal) => Promise<Answer>
  /** A GET whose body goes on until one side ends it; has no time limit once it was answered. */
  readonly stream: (path: string, signal: AbortSignal) => Promise<Answer | { readonly chunks: AsyncIterable<Buffer> }>
  readonly close: () => Promise<void>
}

/** The request got no answer. `code` is Node's (ECONNREFUSED …), or ETIMEDOUT when its time ran out. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: string | undefined

  constructor(message: string, code: string | undefined, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

const deadPathCodes: ReadonlySet<string | undefined> = new Set([
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

const createAgents = (config: ClientConfig): { requests: Agent; watches: Agent } => {
  const connect = {
    ca: config.ca(),
    cert: config.cert(),
    key: config.key(),
    rejectUnauthorized: !config.insecureSkipTlsVerify,
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    timeout: 10_000,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
  }
  // Requests have one time limit of ours for the whole call; undici's would only cut in between.
  const common = { connect, allowH2: false, pipelining: 1, bodyTimeout: 0 }
  return {
    requests: new Agent({ ...common, connections: maxConnections, keepAliveTimeout: 60_000, headersTimeout: 0 }),
    watches: new Agent({ ...common, headersTimeout: watchHeadersTimeoutMs }),
  }
}

/** The agents for the certificates of now: made anew when those were rotated. */
const rotatingAgents = (config: ClientConfig) => {
  let agents = createAgents(config)
  let version = config.tlsVersion()
  return (): { requests: Agent; watches: Agent } => {
    const now = config.tlsVersion()
    if (now === version) return agents
    const old = agents
    try {
      agents = createAgents(config)
      version = now
    } catch {
      return agents // half-written files: the next look finds them whole
    }
    void old.requests.close()
    void old.watches.close() // waits for the watches that run, which end by themselves
    return agents
  }
}

export const createTransport = (config: ClientConfig, userAgent: string): Transport => {
  const { origin, pathname } = new URL(config.server)
  const prefix = pathname === '/' ? '' : pathname
  const current = rotatingAgents(config)

  const headersOf = (contentType: string | undefined): Record<string, string> => {
    const token = config.token()
    return {
      'user-agent': userAgent,
      accept: 'application/json',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
  }

  const dispatch = (agent: Dispatcher, request: HttpRequest, signal: AbortSignal) =>
    apiRequest.call(agent, {
      origin,
      path: prefix + request.path,
      method: request.method,
      headers: headersOf(request.contentType),
      body: request.body ?? null,
      signal,
    })

  const answerOf = async ({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answer> => ({
    code: statusCode,
    text: await body.text(),
    retryAfterMs: parseRetryAfter(headers['retry-after']),
  })

  const toRequestError = (request: HttpRequest, error: unknown): RequestError => {
    const isLate = error instanceof DeadlineExceededError
    const code = isLate ? 'ETIMEDOUT' : ((error as { code?: string } | undefined)?.code ?? undefined)
    const message = error instanceof Error ? error.message || (code ?? error.name) : String(error)
    const path = request.path.split('?')[0] ?? ''
    return new RequestError(`${request.method} ${origin}${prefix}${path}: ${message}`, code, error)
  }

  const request: Transport['request'] = async (what, timeoutMs, signal) => {
    using limit = deadline(timeoutMs, signal)
    const startedAt = realClock.now()
    try {
      const answer = await answerOf(await dispatch(current().requests, what, limit.signal))
      health.heard()
      return answer
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      const wrapped = toRequestError(what, error)
      if (deadPathCodes.has(wrapped.code)) health.unreachable(startedAt)
      throw wrapped
    }
  }

  const health = new ConnectionHealth(async () => {
    await request({ method: 'GET', path: '/livez/ping' }, probeTimeoutMs)
  })

  return {
    request,
    stream: async (path, signal) => {
      const what: HttpRequest = { method: 'GET', path }
      const controller = new AbortController()
      const onAbort = (): void => controller.abort(signal.reason)
      if (signal.aborted) throw signal.reason
      signal.addEventListener('abort', onAbort, { once: true })
      const watched = health.add(controller)
      const release = (): void => {
        signal.removeEventListener('abort', onAbort)
        health.remove(watched)
      }
      async function* chunksOf(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
        try {
          for await (const chunk of body) {
            health.heard(watched)
            yield chunk
          }
        } catch (error) {
          if (controller.signal.aborted) throw controller.signal.reason
          throw toRequestError(what, error)
        } finally {
          release()
        }
      }
      try {
        const response = await dispatch(current().watches, what, controller.signal)
        health.heard(watched)
        if (response.statusCode < 400) return { chunks: chunksOf(response.body) }
        const answer = await answerOf(response)
        release()
        return answer
      } catch (error) {
        release()
        if (controller.signal.aborted) throw controller.signal.reason
        throw toRequestError(what, error)
      }
    },
    close: async () => {
      const { requests, watches } = current()
      await Promise.all([requests.destroy(), watches.destroy()])
    },
  }
}
