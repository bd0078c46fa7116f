/**
 * Simple tokens: random, known to this process alone, renewed by every use. A restart ends them all, and clients
 * authenticate anew. They carry no auth revision: whoever has one is judged by what holds now.
 */
import { randomInt } from 'node:crypto'
import type { MonotonicClock } from '../lease/lessor.ts'
import type { TokenProvider } from './token-provider.ts'

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const tokenLetters = 16

interface Entry {
  readonly user: string
  readonly expiresAtMs: number
}

const randomPrefix = (): string =>
  Array.from({ length: tokenLetters }, () => letters[randomInt(letters.length)]).join('')

/** Tokens that live for `ttlMs` after their last use. */
export const createSimpleTokens = (ttlMs: number, clock: Pick<MonotonicClock, 'now'>): TokenProvider => {
  /** In order of expiry: a token that is used goes to the end. */
  const tokens = new Map<string, Entry>()
  const keep = (token: string, user: string): void => {
    tokens.delete(token)
    tokens.set(token, { user, expiresAtMs: clock.now() + ttlMs })
  }
  const dropExpired = (): void => {
    const now = clock.now()
    for (const [token, { expiresAtMs }] of tokens) {
      if (expiresAtMs > now) return
      tokens.delete(token)
    }
  }
  return {
    assign: (user, { index }) => {
      dropExpired()
      const token = `${randomPrefix()}.${index}`
      keep(token, user)
      return token
    },
    info: (token, revision) => {
      dropExpired()
      const entry = tokens.get(token)
      if (entry === undefined) return undefined
      keep(token, entry.user)
      return { user: entry.user, revision }
    },
    invalidateUser: (user) => {
      for (const [token, entry] of tokens) if (entry.user === user) tokens.delete(token)
    },
    clear: () => tokens.clear(),
  }
}
