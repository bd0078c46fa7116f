/**
 * Bounds how many requests run at once, reading and changing ones apart. Long-running requests (watch, exec, log …)
 * and system:masters are not counted. Upstream: WithMaxInFlightLimit.
 */
import { systemMasters } from '../../authentication/user.ts'
import type { Filter } from '../chain.ts'
import { sendHttpError } from '../http-error.ts'
import type { RequestInfo } from '../request-info.ts'

export interface InFlightLimits {
  /** 0 is unlimited. */
  readonly readOnly: number
  readonly mutating: number
  /** Told how many of a kind run, after each change. */
  readonly note: (kind: 'readOnly' | 'mutating', count: number) => void
}

const longRunningSubresources = new Set(['log', 'exec', 'attach', 'portforward', 'proxy'])
const readVerbs = new Set(['get', 'list', 'watch'])

export const isLongRunning = (info: RequestInfo): boolean =>
  info.verb === 'watch' || info.verb === 'proxy' || longRunningSubresources.has(info.subresource)

export const withInFlightLimit = (limits: InFlightLimits): Filter => {
  const running = { readOnly: 0, mutating: 0 }
  return async (ctx, next) => {
    if (isLongRunning(ctx.info)) return next()
    const kind = readVerbs.has(ctx.info.verb) ? 'readOnly' : 'mutating'
    if (limits[kind] > 0 && running[kind] >= limits[kind] && !ctx.user.groups.includes(systemMasters)) {
      ctx.response.setHeader('Retry-After', '1')
      return sendHttpError(ctx, 429, 'Too many requests, please try again later.')
    }
    running[kind]++
    limits.note(kind, running[kind])
    try {
      await next()
    } finally {
      running[kind]--
      limits.note(kind, running[kind])
    }
  }
}
