/** Headers that every answer has. Upstream: WithAuditInit, WithCacheControl, WithHSTS. */
import type { Filter } from '../chain.ts'

/** `directives` are of the header Strict-Transport-Security; without any it is not sent. */
export const withResponseHeaders = (directives: readonly string[]): Filter => {
  const strictTransport = directives.join('; ')
  return (ctx, next) => {
    const { response } = ctx
    response.setHeader('Audit-Id', ctx.auditId)
    response.setHeader('Cache-Control', 'no-cache, private')
    if (strictTransport !== '') response.setHeader('Strict-Transport-Security', strictTransport)
    return next()
  }
}
