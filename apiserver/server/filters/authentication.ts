/** Finds out who asks. Bad credentials are 401; none at all is anonymous, where that is allowed. */
import { isReason, type StatusError, unauthorized } from '../../../api/meta/status-error.ts'
import type { AuthenticationNotes, Authenticator } from '../../authentication/authenticator.ts'
import { anonymousUser, type UserInfo } from '../../authentication/user.ts'
import { hideHeaders } from '../../streaming/forwarded-headers.ts'
import type { Filter } from '../chain.ts'
import type { HttpContext } from '../context.ts'
import { closeHttp2Connection } from './goaway.ts'

/** Who may come without credentials. */
export type AllowAnonymous = (path: string) => boolean

/** Annotations wait for the audit event, which begins when it is known who asks. */
const notesFor = (ctx: HttpContext): AuthenticationNotes => ({
  warn: (text) => void ctx.warnings.push(text),
  annotate: (key, value) => {
    ctx.earlyAnnotations = [...ctx.earlyAnnotations, [key, value]]
  },
})

export const withAuthentication = (
  authenticator: Authenticator,
  allowAnonymous: AllowAnonymous,
  isIdentityHeader?: (lowerCaseName: string) => boolean,
  refused?: (ctx: HttpContext, error: StatusError) => void,
): Filter => {
  const userOf = async (ctx: HttpContext): Promise<UserInfo> => {
    try {
      const user = await authenticator.authenticate(ctx.request, notesFor(ctx))
      if (user === undefined && !allowAnonymous(ctx.info.path)) throw unauthorized()
      if (user === undefined) closeHttp2Connection(ctx)
      return user ?? anonymousUser
    } catch (error) {
      if (isReason(error, 'Unauthorized')) {
        if (error.cause !== undefined) ctx.log.warn({ err: error.cause }, 'unable to authenticate the request')
        closeHttp2Connection(ctx)
        refused?.(ctx, error)
      }
      throw error
    }
  }
  return async (ctx, next) => {
    ctx.user = await userOf(ctx)
    if (isIdentityHeader !== undefined) hideHeaders(ctx.request, isIdentityHeader)
    return next()
  }
}
