/** Remembers for a while what a token is. Upstream: authentication/token/cache */
import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { TokenAuthenticator } from './authenticator.ts'
import type { UserInfo } from './user.ts'

export interface TokenCacheOptions {
  /** How long a user is remembered; 0: not at all. */
  readonly successMs: number
  /** How long it is remembered that a token is nobody's. Errors are not. */
  readonly failureMs: number
}

type Known = UserInfo | 'nobody'

const maxTokens = 10_000

/** Tokens are not kept, only what they hash to. Those who ask for the same at one time wait for one answer. */
export const cachedTokens = (
  authenticate: TokenAuthenticator,
  { successMs, failureMs }: TokenCacheOptions,
): TokenAuthenticator => {
  const secret = randomBytes(32)
  const known = new LRUCache<string, Known>({ max: maxTokens })
  const asking = new Map<string, Promise<UserInfo | undefined>>()
  return async (token, options = {}) => {
    const key = createHmac('sha256', secret)
      .update(JSON.stringify([token, options.audiences ?? null]))
      .digest('base64')
    const found = known.get(key)
    if (found !== undefined) return found === 'nobody' ? undefined : found
    let answer = asking.get(key)
    if (answer === undefined) {
      answer = authenticate(token, options).finally(() => asking.delete(key))
      asking.set(key, answer)
    }
    const user = await answer
    const ttl = user === undefined ? failureMs : successMs
    if (ttl > 0) known.set(key, user ?? 'nobody', { ttl })
    return user
  }
}
