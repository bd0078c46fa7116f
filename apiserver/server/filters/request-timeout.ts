/**
 * Bounds how long a request may take that is not long-running. Upstream: WithRequestDeadline,
 * WithTimeoutForNonLongRunningRequests, and the timeout of the writing handlers.
 *
 * The answer comes from here when time is over; what the handler does later is not heard any more.
 */
import { badRequest, StatusError } from '../../../api/meta/status-error.ts'
import { parseGoDuration } from '../../../component-base/flags/duration.ts'
import type { Filter } from '../chain.ts'
import type { HttpContext } from '../context.ts'
import { sendStatusError } from '../respond.ts'
import { isLongRunning } from './in-flight-limit.ts'

/** Upstream's requestTimeoutUpperBound, of writes, once their body is there. */
const maxWriteMs = 34_000
const writes: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

/** `?timeout=` may shorten the time, and 0 asks for nothing. Throws BadRequest. */
export const timeoutOf = ({ query }: HttpContext, maximumMs: number): number => {
  const text = query.get('timeout') ?? ''
  if (text === '') return maximumMs
  const asked = parseGoDuration(text)
  if (typeof asked === 'string') throw badRequest(`invalid timeout specified in the request URL - ${asked}`)
  return asked > 0 ? Math.min(asked, maximumMs) : maximumMs
}

const details = {}

/** In upstream's form: a Status without kind and version, sent as text. */
const answerTimeout = ({ request, response }: HttpContext): void => {
  if (response.writableEnded) return
  if (response.headersSent) {
    response.destroy()
    return
  }
  const message = 'Timeout: request did not complete within the allotted timeout'
  const status = { metadata: {}, status: 'Failure', message, reason: 'Timeout', details, code: 504 }
  const text = `${JSON.stringify(status)}\n`
  // The rest of a body that is still to come belongs to nobody.
  const closes = !request.complete && request.httpVersion !== '2.0'
  response.writeHead(504, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': text.length,
    ...(closes ? { Connection: 'close' } : {}),
  })
  response.end(text)
}

const answerSlowWrite = (ctx: HttpContext): void => {
  if (ctx.response.headersSent) return
  const message = 'Timeout: request did not complete within requested timeout - context deadline exceeded'
  void sendStatusError(ctx, new StatusError('Timeout', message, { details }))
}

export const withRequestTimeout =
  (maximumMs: number): Filter =>
  async (ctx, next) => {
    if (isLongRunning(ctx.info)) return next()
    const timeoutMs = timeoutOf(ctx, maximumMs)
    const isWrite = writes.has(ctx.info.verb) && timeoutMs > maxWriteMs
    let expired = false
    const expire = (answer: (ctx: HttpContext) => void): void => {
      expired = true
      answer(ctx)
      ctx.abort(new StatusError('Timeout', 'the request took too long'))
    }
    const onTimeout = (): void => expire(answerTimeout)
    const onWriteTimeout = (): void => {
      if (ctx.request.complete) expire(answerSlowWrite)
      else timer = setTimeout(onTimeout, timeoutMs - maxWriteMs)
    }
    let timer = isWrite ? setTimeout(onWriteTimeout, maxWriteMs) : setTimeout(onTimeout, timeoutMs)
    try {
      await next()
    } catch (error) {
      if (!expired) throw error
      ctx.log.debug({ err: error, path: ctx.info.path }, 'a request failed after its timeout')
    } finally {
      clearTimeout(timer)
    }
  }
