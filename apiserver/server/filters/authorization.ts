/** Asks the authorizer about each request; 403 with upstream's sentence if it says no. */
import { forbiddenRequest } from '../../authorization/forbidden.ts'
import { attributesOf, type Authorizer } from '../../authorization/authorizer.ts'
import type { Filter } from '../chain.ts'

export const withAuthorization =
  (authorizer: Authorizer): Filter =>
  async (ctx, next) => {
    const attributes = attributesOf(ctx.user, ctx.info, ctx.query)
    const decision = await authorizer.authorize(attributes)
    const allowed = decision.type === 'allow'
    ctx.audit?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid')
    ctx.audit?.annotate('authorization.k8s.io/reason', decision.reason)
    if (!allowed) throw forbiddenRequest(attributes, decision.reason)
    return next()
  }
