/** Finds out who asks. Bad credentials are 401; none at all is anonymous, where that is allowed. */
import { isReason, type StatusError, unauthorized } from '../../../api/meta/status-error.ts'
import type { Authenticator } from '../../authentication/authenticator.ts'
import { anonymousUser, type UserInfo } from '../../authentication/user.ts'
import type { Filter } from '../chain.ts'
import type { HttpContext } from '../context.ts'

export const withAuthentication = (
  authenticator: Authenticator,
  anonymousAuth: boolean,
  refused?: (ctx: HttpContext, error: StatusError) => void,
): Filter => {
  const userOf = async (ctx: HttpContext): Promise<UserInfo> => {
    try {
      const user = await authenticator.authenticate(ctx.request)
      if (user === undefined && !anonymousAuth) throw unauthorized()
      return user ?? anonymousUser
    } catch (error) {
      if (isReason(error, 'Unauthorized')) refused?.(ctx, error)
      throw error
    }
  }
  return async (ctx, next) => {
    ctx.user = await userOf(ctx)
    return next()
  }
}
