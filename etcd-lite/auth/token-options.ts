/** --auth-token: `simple`, or `jwt,sign-method=RS256,pub-key=…,priv-key=…,ttl=10m`. */
import { readFileSync } from 'node:fs'
import { realClock } from '../../component-base/clock.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { monotonicClock } from '../lease/lessor.ts'
import { etcdError } from '../mvcc/errors.ts'
import { createJwtTokens } from './jwt.ts'
import { createSimpleTokens } from './simple-tokens.ts'
import type { TokenProvider } from './token-provider.ts'

const defaultJwtTtlMs = 5 * 60_000
const jwtOptionNames = new Set(['sign-method', 'pub-key', 'priv-key', 'ttl'])

export interface TokenOptions {
  /** The flag's text. */
  readonly text: string
  /** --auth-token-ttl: how long simple tokens live after their last use. */
  readonly simpleTtlMs: number
  /** Told of what is accepted and has no effect. */
  readonly warn: (message: string, fields: object) => void
}

/** No tokens at all: users are known by their certificates. */
const noTokens: TokenProvider = {
  assign: () => {
    throw etcdError('authFailed')
  },
  info: () => undefined,
  invalidateUser: () => {},
  clear: () => {},
}

const parsePairs = (text: string, pairs: readonly string[]): Map<string, string> => {
  const options = new Map<string, string>()
  for (const pair of pairs) {
    const [name = '', value, ...rest] = pair.split('=')
    if (value === undefined || rest.length > 0 || options.has(name)) {
      throw new UsageError(`--auth-token: invalid auth options "${text}"`)
    }
    options.set(name, value)
  }
  return options
}

const jwtTokens = (options: ReadonlyMap<string, string>, warn: TokenOptions['warn']): TokenProvider => {
  const unknown = [...options.keys()].filter((name) => !jwtOptionNames.has(name))
  if (unknown.length > 0) warn('unknown JWT options', { keys: unknown })
  const file = (name: string): Buffer | undefined => {
    const path = options.get(name) ?? ''
    return path === '' ? undefined : readFileSync(path)
  }
  const ttl = options.get('ttl') ?? ''
  const ttlMs = ttl === '' ? defaultJwtTtlMs : parseDuration(ttl)
  if (ttlMs === undefined) throw new UsageError(`--auth-token: invalid ttl "${ttl}"`)
  try {
    const keys = { publicKey: file('pub-key'), privateKey: file('priv-key') }
    return createJwtTokens({ ...keys, signMethod: options.get('sign-method') ?? '', ttlMs }, () => realClock.now())
  } catch (err) {
    throw new UsageError(`--auth-token: ${err instanceof Error ? err.message : String(err)}`)
  }
}

/** Makes the provider that the flag asks for, and reads its keys. Throws UsageError. */
export const createTokenProvider = ({ text, simpleTtlMs, warn }: TokenOptions): TokenProvider => {
  const [type, ...pairs] = text.split(',')
  const options = parsePairs(text, pairs)
  if (type === 'simple') return createSimpleTokens(simpleTtlMs, monotonicClock)
  if (type === 'jwt') return jwtTokens(options, warn)
  if (type === '') return noTokens
  throw new UsageError(`--auth-token: invalid auth options "${text}"`)
}
