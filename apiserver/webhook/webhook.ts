/**
 * Calls of an HTTP service that a kubeconfig file names: audit sinks and token reviewers.
 * Upstream: k8s.io/apiserver/pkg/util/webhook (GenericWebhook)
 */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'
import { jitter } from '../../component-base/random.ts'
import { sleep } from '../../component-base/clock.ts'

/** An answer that is no success. */
export class WebhookError extends Error {
  readonly code: number
  /** What the service asks for; 0 if nothing. */
  readonly retryAfterSeconds: number
  constructor(code: number, message: string, retryAfterSeconds: number) {
    super(message)
    this.name = 'WebhookError'
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export interface Webhook {
  /** POSTs JSON and gives the body of the answer. Rejects with WebhookError, or with what the connection met. */
  call(body: string, signal?: AbortSignal): Promise<string>
  close(): void
}

/** No answer in time; Go's words. */
export class WebhookTimeout extends Error {
  constructor(url: string, cause: unknown) {
    super(`Post ${JSON.stringify(url)}: context deadline exceeded`, { cause })
    this.name = 'WebhookTimeout'
  }
}

/** Upstream: defaultRequestTimeout. */
const defaultTimeoutMs = 30_000
const maxAnswerBytes = 3 * 1024 * 1024

const https = process.getBuiltinModule('node:https')
const http = process.getBuiltinModule('node:http')

/** One agent for all calls: connections are kept. Certificates are read again when their files change. */
export const createWebhook = (
  config: ClientConfig,
  userAgent: string,
  timeoutMs: number = defaultTimeoutMs,
): Webhook => {
  const url = new URL(config.server)
  const secure = url.protocol === 'https:'
  const plainAgent = new http.Agent({ keepAlive: true })
  let agent = plainAgent
  let agentVersion: string | undefined
  const currentAgent = () => {
    const version = config.tlsVersion()
    if (secure && version !== agentVersion) {
      agent.destroy()
      agent = new https.Agent({
        keepAlive: true,
        ca: config.ca(),
        cert: config.cert(),
        key: config.key(),
        rejectUnauthorized: !config.insecureSkipTlsVerify,
        ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
      })
      agentVersion = version
    }
    return agent
  }
  return {
    call: async (body, signal) => {
      const token = config.token()
      const bytes = Buffer.from(body)
      const limit = AbortSignal.timeout(timeoutMs)
      const options: RequestOptions = {
        method: 'POST',
        agent: currentAgent(),
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, */*',
          'Content-Length': bytes.length,
          'User-Agent': userAgent,
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
      }
      try {
        return await readAnswer(await send(secure, url, bytes, options))
      } catch (error) {
        throw limit.aborted ? new WebhookTimeout(config.server, error) : error
      }
    },
    close: () => agent.destroy(),
  }
}

/** POSTs bytes; rejects with what the connection met. */
export const send = (secure: boolean, url: URL, body: Buffer, options: RequestOptions): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request: ClientRequest = secure ? https.request(url, options) : http.request(url, options)
    request.once('response', resolve).once('error', reject)
    request.end(body)
  })

/** The body of an answer, up to a bound. */
export const bodyOf = async (answer: IncomingMessage): Promise<string> => {
  let size = 0
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxAnswerBytes) answer.destroy(new Error(`the answer is larger than ${maxAnswerBytes} bytes`))
  })
  return text(answer)
}

const readAnswer = async (answer: IncomingMessage): Promise<string> => {
  const body = await bodyOf(answer)
  const code = answer.statusCode ?? 0
  if (code >= 200 && code < 300) return body
  const retryAfter = Number(answer.headers['retry-after'] ?? 0)
  throw new WebhookError(
    code,
    `the server answered ${code}: ${body.slice(0, 500)}`,
    Number.isFinite(retryAfter) ? retryAfter : 0,
  )
}

export interface RetryOptions {
  /** Before the second call; grows by half each time. */
  readonly initialMs: number
  readonly shouldRetry: (error: unknown) => boolean
}

/** Upstream: DefaultRetryBackoffWithInitialDelay. */
const attempts = 5
const growth = 1.5
const spread = 0.2

/** Calls until it succeeds, an error says that trying again is of no use, or five calls have failed. */
export const withRetries = async <T>(
  call: () => Promise<T>,
  { initialMs, shouldRetry }: RetryOptions,
  signal?: AbortSignal,
): Promise<T> => {
  let delayMs = initialMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === attempts || !shouldRetry(error) || signal?.aborted === true) throw error
      await sleep(jitter(delayMs, spread), signal)
      delayMs *= growth
    }
  }
}

const connectionLost: readonly string[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']

export const isTimeout = (error: unknown): boolean =>
  error instanceof WebhookTimeout || (error instanceof WebhookError && error.code === 504)

/** Upstream: DefaultShouldRetry. */
export const isPassing = (error: unknown): boolean => {
  if (error instanceof WebhookError) {
    return error.code === 500 || error.code === 504 || error.code === 429 || error.retryAfterSeconds > 0
  }
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return connectionLost.includes(code)
}
