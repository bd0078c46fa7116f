/** Headers that every answer has. Upstream: WithAuditInit, WithCacheControl, WithHSTS. */
import type { Filter } from '../chain.ts'
import type { ApiResponse } from '../message.ts'

/** Go says nothing of a connection that stays, where node says it in two headers. */
const dropKeepAlive = (response: ApiResponse): void => {
  if (response.shouldKeepAlive === true) response.removeHeader?.('Connection')
}

/** `directives` are of the header Strict-Transport-Security; without any it is not sent. */
export const withResponseHeaders = (directives: readonly string[]): Filter => {
  const strictTransport = directives.join('; ')
  return (ctx, next) => {
    const { response } = ctx
    dropKeepAlive(response)
    response.setHeader('Audit-Id', ctx.auditId)
    response.setHeader('Cache-Control', 'no-cache, private')
    if (strictTransport !== '') response.setHeader('Strict-Transport-Security', strictTransport)
    return next()
  }
}
