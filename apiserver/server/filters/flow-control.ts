/**
 * Priority and fairness: each request gets the seats that it needs when it is its flow's turn, or 429. A watch holds
 * its seats until its initial state was sent; other long-running requests are none of its business.
 *
 * Upstream: k8s.io/apiserver/pkg/server/filters/priority-and-fairness.go
 */
import { realClock } from '../../../component-base/clock.ts'
import type { FlowControl } from '../../flow-control/flow-control.ts'
import type { FlowRequest } from '../../flow-control/flow-request.ts'
import type { Filter, Next } from '../chain.ts'
import type { HttpContext } from '../context.ts'
import { sendHttpError } from '../http-error.ts'
import { isLongRunning } from './in-flight-limit.ts'
import { timeoutOf } from './request-timeout.ts'

/** Names would tell clients how the cluster ranks them: UIDs say the same to those who may look. */
const levelHeader = 'X-Kubernetes-PF-PriorityLevel-UID'
const schemaHeader = 'X-Kubernetes-PF-FlowSchema-UID'

const maxWaitMs = 60_000

/** Of the time that a request has, it may wait for a quarter, and a minute at most. */
const waitEndsMs = (ctx: HttpContext, requestTimeoutMs: number): number => {
  const timeoutMs = ctx.info.verb === 'watch' ? requestTimeoutMs : timeoutOf(ctx, requestTimeoutMs)
  return ctx.receivedMs + Math.min(timeoutMs / 4, maxWaitMs)
}

const reject = (ctx: HttpContext, retryAfterSeconds: number): void => {
  if (ctx.response.destroyed) return
  ctx.response.setHeader('Retry-After', String(retryAfterSeconds))
  sendHttpError(ctx, 429, 'Too many requests, please try again later.')
}

export const withFlowControl = (control: FlowControl, requestTimeoutMs: number): Filter => {
  const serveWatch = async (ctx: HttpContext, next: Next, request: FlowRequest): Promise<void> => {
    const forget = control.watches.register(ctx.info, ctx.query)
    const initialized = (): void => {
      ctx.watchInitialized = undefined
      realClock.clearTimeout(timer)
      control.finish(request)
    }
    ctx.watchInitialized = initialized
    // A client that does not read its initial state holds its seats no longer than one that does not read a list.
    const timer = realClock.setTimeout(() => ctx.watchInitialized?.(), requestTimeoutMs)
    try {
      await next()
    } finally {
      if (ctx.watchInitialized !== undefined) initialized()
      forget()
    }
  }
  return async (ctx, next) => {
    const { info, response, user } = ctx
    const isWatch = info.verb === 'watch'
    if (!isWatch && isLongRunning(info)) return next()
    const schema = control.schemaOf(user, info)
    response.setHeader(levelHeader, schema.levelUid)
    response.setHeader(schemaHeader, schema.uid)
    const request = control.start(schema, ctx)
    if (
      request === undefined ||
      (request.state === 'waiting' && !(await control.wait(request, ctx.signal, waitEndsMs(ctx, requestTimeoutMs))))
    ) {
      return reject(ctx, control.rejected(schema.level))
    }
    if (isWatch) return serveWatch(ctx, next, request)
    ctx.answerWaits = () => {
      ctx.answerWaits = undefined
      control.finish(request)
    }
    try {
      await next()
    } finally {
      ctx.answerWaits?.()
    }
  }
}
