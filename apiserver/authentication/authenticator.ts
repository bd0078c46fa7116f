/** From a request to a user. Upstream: k8s.io/apiserver/pkg/authentication/request */
import { unauthorized } from '../../api/meta/status-error.ts'
import type { ApiRequest } from '../server/message.ts'
import { allAuthenticated, type UserInfo } from './user.ts'

export interface Authenticator {
  /** undefined: the request carries no credentials. Throws Unauthorized if it carries bad ones. */
  authenticate(request: ApiRequest): Promise<UserInfo | undefined>
}

/** Looks for one sort of credentials: a user, `invalid` (there were some, and they are bad), or undefined. */
export type RequestAuthenticator = (
  request: ApiRequest,
) => Promise<UserInfo | 'invalid' | undefined> | UserInfo | 'invalid' | undefined

/** A bearer token's user; undefined if this authenticator does not know it. */
export type TokenAuthenticator = (token: string, audiences?: readonly string[]) => Promise<UserInfo | undefined>

const withAuthenticatedGroup = (user: UserInfo): UserInfo =>
  user.groups.includes(allAuthenticated) ? user : { ...user, groups: [...user.groups, allAuthenticated] }

/** Tries each in order; the first user wins, and credentials that nobody takes are refused. */
export const unionAuthenticator = (authenticators: readonly RequestAuthenticator[]): Authenticator => ({
  authenticate: async (request) => {
    let invalid = false
    for (const authenticate of authenticators) {
      const result = await authenticate(request)
      if (result === 'invalid') invalid = true
      else if (result !== undefined) return withAuthenticatedGroup(result)
    }
    if (invalid) throw unauthorized()
    return undefined
  },
})

export const bearerToken =
  (authenticators: readonly TokenAuthenticator[]): RequestAuthenticator =>
  async (request) => {
    const header = request.headers.authorization
    if (header === undefined) return undefined
    const match = /^bearer +(\S+)$/i.exec(header)
    if (match?.[1] === undefined) return undefined
    for (const authenticate of authenticators) {
      const user = await authenticate(match[1])
      if (user !== undefined) return user
    }
    return 'invalid'
  }
