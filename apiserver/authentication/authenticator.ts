/** From a request to a user. Upstream: k8s.io/apiserver/pkg/authentication/request */
import { StatusError } from '../../api/meta/status-error.ts'
import type { ApiRequest } from '../server/message.ts'
import { allAuthenticated, type UserInfo } from './user.ts'

/** What authentication has to say beside the user. */
export interface AuthenticationNotes {
  /** A Warning header of the answer. */
  warn(text: string): void
  /** An annotation of the audit event. */
  annotate(key: string, value: string): void
}

/** For callers that nobody listens to. */
export const noNotes: AuthenticationNotes = { warn: () => {}, annotate: () => {} }

export interface Authenticator {
  /** undefined: the request carries no credentials. Throws Unauthorized if it carries bad ones. */
  authenticate(request: ApiRequest, notes: AuthenticationNotes): Promise<UserInfo | undefined>
}

type Found = UserInfo | 'invalid' | undefined

/** Looks for one sort of credentials: a user, `invalid` (there were some, and they are bad), or undefined. */
export type RequestAuthenticator = (request: ApiRequest, notes: AuthenticationNotes) => Promise<Found> | Found

export interface TokenOptions {
  /** For whom the token must be; undefined: for this API. */
  readonly audiences?: readonly string[] | undefined
  readonly notes?: AuthenticationNotes
}

/**
 * A bearer token's user; undefined if this authenticator does not know it. Throws if it knows it and refuses it: the
 * message is for administrators, and for whoever may review tokens.
 */
export type TokenAuthenticator = (token: string, options?: TokenOptions) => Promise<UserInfo | undefined>

/** For tokens that name no audience: they are for this API, and for nobody who asks for others alone. */
export const audienceAgnostic =
  (apiAudiences: readonly string[], authenticate: TokenAuthenticator): TokenAuthenticator =>
  async (token, options = {}) => {
    const { audiences } = options
    if (audiences !== undefined && !audiences.some((audience) => apiAudiences.includes(audience))) return undefined
    return authenticate(token, options)
  }

const withGroup = new WeakMap<UserInfo, UserInfo>()

/** One object for as long as its user is one: a connection's, a token's that is remembered. */
const withAuthenticatedGroup = (user: UserInfo): UserInfo => {
  if (user.groups.includes(allAuthenticated)) return user
  let grouped = withGroup.get(user)
  if (grouped === undefined) {
    grouped = { ...user, groups: [...user.groups, allAuthenticated] }
    withGroup.set(user, grouped)
  }
  return grouped
}

const refused = (cause: unknown): StatusError => new StatusError('Unauthorized', 'Unauthorized', { cause })

/** Tries each in order; the first user wins, and credentials that nobody takes are refused. */
export const unionAuthenticator = (authenticators: readonly RequestAuthenticator[]): Authenticator => ({
  authenticate: async (request, notes) => {
    let invalid = false
    let reason: unknown
    for (const authenticate of authenticators) {
      let result: Found
      try {
        result = await authenticate(request, notes)
      } catch (error) {
        if (!(error instanceof TokenError)) throw error
        reason ??= error
        result = 'invalid'
      }
      if (result === 'invalid') invalid = true
      else if (result !== undefined) return withAuthenticatedGroup(result)
    }
    if (invalid) throw refused(reason)
    return undefined
  },
})

/** Why a token does not count, as far as any authenticator knows it. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
}

/** Throws TokenError if one of them knows the token and refuses it. */
export const userOfToken = async (
  authenticators: readonly TokenAuthenticator[],
  token: string,
  notes: AuthenticationNotes,
  audiences?: readonly string[],
): Promise<UserInfo | 'invalid'> => {
  const reasons: string[] = []
  for (const authenticate of authenticators) {
    try {
      const user = await authenticate(token, { audiences, notes })
      if (user !== undefined) return user
    } catch (error) {
      if (error instanceof StatusError) throw error
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  if (reasons.length === 0) return 'invalid'
  throw new TokenError(reasons.join(', '))
}

const extraSpace = 'the provided Authorization header contains extra space before the bearer token, and is ignored'

export const bearerToken =
  (authenticators: readonly TokenAuthenticator[]): RequestAuthenticator =>
  async (request, notes) => {
    const header = request.headers.authorization?.trim() ?? ''
    const [scheme = '', token, ...rest] = header.split(' ')
    if (token === undefined || scheme.toLowerCase() !== 'bearer') return undefined
    if (token === '') {
      if (rest.length > 0) notes.warn(extraSpace)
      return undefined
    }
    return userOfToken(authenticators, token, notes)
  }
