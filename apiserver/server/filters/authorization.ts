/** Asks the authorizer about each request; 403 with upstream's sentence if it says no. */
import { forbiddenRequest } from '../../authorization/forbidden.ts'
import { attributesOf, type Authorizer } from '../../authorization/authorizer.ts'
import type { Filter } from '../chain.ts'
import type { HttpContext } from '../context.ts'
import { sendHttpError } from '../http-error.ts'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Who could not be asked has not said no. Upstream: responsewriters.InternalError */
const sendFailure = (ctx: HttpContext, error: Error): void => {
  const text = `Internal Server Error: ${JSON.stringify(ctx.uri)}: ${error.message}`
  sendHttpError(
    ctx,
    500,
    text.replace(/[&<>]/g, (character) => entities[character] ?? character),
  )
}

export const withAuthorization =
  (authorizer: Authorizer): Filter =>
  async (ctx, next) => {
    const attributes = attributesOf(ctx.user, ctx.info, ctx.query)
    const decision = await authorizer.authorize(attributes)
    const allowed = decision.type === 'allow'
    if (!allowed && decision.error !== undefined) {
      ctx.audit?.annotate('authorization.k8s.io/reason', 'internal error')
      ctx.log.error({ err: decision.error }, 'cannot authorize the request')
      return sendFailure(ctx, decision.error)
    }
    ctx.audit?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid')
    ctx.audit?.annotate('authorization.k8s.io/reason', decision.reason)
    if (!allowed) throw forbiddenRequest(attributes, decision.reason)
    return next()
  }
