/** Chance, in the few forms that Kubernetes needs. */
import { randomBytes, randomInt } from 'node:crypto'

/** Letters and digits without vowels and look-alikes, so that no word comes out. Upstream: utilrand.String. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** A random suffix of `length` characters for generated names, which are no secrets. */
export const randomSuffix = (length: number): string => {
  let text = ''
  while (text.length < length) text += alphabet.charAt(Math.floor(Math.random() * alphabet.length))
  return text
}

/** A whole number from 0 up to, not including, `below`, which is at most 2^64. */
export const randomBelow = (below: bigint): bigint => {
  // 64 bits more than asked for: what the remainder prefers is nothing to notice.
  return BigInt(`0x${randomBytes(16).toString('hex')}`) % below
}

/** `value` made longer by up to `factor` times itself, so that many clients do not move in step. */
export const jitter = (value: number, factor: number): number => value * (1 + Math.random() * factor)

/** True with a probability between 0 and 1. */
export const happens = (probability: number): boolean => probability > 0 && Math.random() < probability

/** Any one of some. */
export const randomItem = <T>(items: readonly [T, ...T[]]): T => items[randomInt(items.length)] ?? items[0]
