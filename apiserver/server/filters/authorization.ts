/** Asks the authorizer about each request; 403 with upstream's sentence if it says no. */
import { forbiddenRequest } from '../../authorization/forbidden.ts'
import { attributesOf, type Authorizer } from '../../authorization/authorizer.ts'
import type { Filter } from '../chain.ts'

export const withAuthorization =
  (authorizer: Authorizer): Filter =>
  async (ctx, next) => {
    const attributes = attributesOf(ctx.user, ctx.info, ctx.query)
    const decision = await authorizer.authorize(attributes)
    if (decision.type !== 'allow') throw forbiddenRequest(attributes, decision.reason)
    return next()
  }
