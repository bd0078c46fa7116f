/**
 * Passwords as bcrypt hashes, made on libuv's threads. A hash takes 50 ms and more: few run at a time, so that the
 * store's own reads and commits, which need those threads too, are not kept waiting by a crowd of logins.
 */
import { etcdError } from '../mvcc/errors.ts'

export interface Passwords {
  /** The hash of a password, as etcd stores it. Throws when the password is too long. */
  hash(password: string): Promise<Buffer>
  /** Whether the password is the one of the hash; false for an empty or broken hash. */
  matches(password: string, hash: Buffer): Promise<boolean>
}

export const minBcryptCost = 4
export const maxBcryptCost = 31
export const defaultBcryptCost = 10

/** bcrypt looks at this much of a password. */
const maxPasswordBytes = 72
/** Half of libuv's threads. */
const atOnce = 2

/** Runs tasks, at most `limit` at a time, first come first served. */
const limiter = (limit: number): (<T>(task: () => Promise<T>) => Promise<T>) => {
  let running = 0
  const waiting: (() => void)[] = []
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next() // takes over the place
    }
  }
}

/** `cost` is the logarithm of the rounds: each step doubles the time. The library is loaded at the first password. */
export const createPasswords = (cost: number): Passwords => {
  const limited = limiter(atOnce)
  const load = () => import('bcrypt')
  return {
    hash: async (password) => {
      const bytes = Buffer.from(password)
      if (bytes.length > maxPasswordBytes) throw etcdError('passwordTooLong')
      const bcrypt = await load()
      return limited(async () => Buffer.from(await bcrypt.hash(bytes, await bcrypt.genSalt(cost, 'a'))))
    },
    matches: async (password, hash) => {
      if (hash.length === 0) return false
      const bcrypt = await load()
      const bytes = Buffer.from(password).subarray(0, maxPasswordBytes)
      return limited(() => bcrypt.compare(bytes, hash.toString('latin1')))
    },
  }
}
