/** Counts and times requests under upstream's names. */
import type { ApiServerMetrics } from '../../metrics.ts'
import type { Filter } from '../chain.ts'
import { isLongRunning } from './in-flight-limit.ts'

export const withRequestMetrics =
  (metrics: ApiServerMetrics): Filter =>
  async (ctx, next) => {
    const start = performance.now()
    const longRunning = isLongRunning(ctx.info)
    if (longRunning) metrics.longRunning(ctx.info, 1)
    try {
      await next()
    } finally {
      if (longRunning) metrics.longRunning(ctx.info, -1)
      metrics.request(ctx.info, ctx.response.statusCode, longRunning ? undefined : (performance.now() - start) / 1000)
    }
  }
