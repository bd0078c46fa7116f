/** Turns what the rest of the chain throws into a Status; what is not a StatusError is logged and hidden. */
import { StatusError } from '../../../api/meta/status-error.ts'
import type { Filter } from '../chain.ts'
import { sendStatusError } from '../respond.ts'

export const withErrors = (): Filter => async (ctx, next) => {
  try {
    await next()
  } catch (thrown) {
    const error = StatusError.from(thrown)
    if (error.code >= 500 && error.cause !== undefined) {
      ctx.log.error(
        { err: error.cause, method: ctx.method, path: ctx.info.path, auditId: ctx.auditId },
        'request failed',
      )
    }
    await sendStatusError(ctx, error)
  }
}
