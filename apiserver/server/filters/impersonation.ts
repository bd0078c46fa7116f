/** Requests with Impersonate-* headers go on as the user that they name, if the requester may be that user. */
import { attributesOf, type Authorizer } from '../../authorization/authorizer.ts'
import { impersonate } from '../../impersonation/modes.ts'
import { wantedUser } from '../../impersonation/wanted-user.ts'
import type { Filter } from '../chain.ts'

export const withImpersonation =
  (authorizer: Authorizer): Filter =>
  async (ctx, next) => {
    const wanted = wantedUser(ctx.request)
    if (wanted === undefined) return next()
    const { user, constraint } = await impersonate(authorizer, wanted, attributesOf(ctx.user, ctx.info, ctx.query))
    ctx.user = user
    ctx.audit?.impersonate(user, constraint)
    return next()
  }
