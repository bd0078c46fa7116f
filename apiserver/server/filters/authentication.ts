/** Finds out who asks. Bad credentials are 401; none at all is anonymous, where that is allowed. */
import { unauthorized } from '../../../api/meta/status-error.ts'
import type { Authenticator } from '../../authentication/authenticator.ts'
import { anonymousUser } from '../../authentication/user.ts'
import type { Filter } from '../chain.ts'

export const withAuthentication =
  (authenticator: Authenticator, anonymousAuth: boolean): Filter =>
  async (ctx, next) => {
    const user = await authenticator.authenticate(ctx.request)
    if (user === undefined && !anonymousAuth) throw unauthorized()
    ctx.user = user ?? anonymousUser
    return next()
  }
