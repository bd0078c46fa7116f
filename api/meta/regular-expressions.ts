/** Regular expressions of users run on RE2 alone, which no pattern can stall. */
import { RE2JS } from 're2js'
import { LRUCache } from 'lru-cache'
import { patternSize } from './pattern-size.ts'

/** In states of the automaton, each some 700 bytes: a larger one is refused, as Go refuses what is too large for it. */
const maxSize = 50_000

/** Compiled patterns, the last used; a pattern mostly stands in a schema or a rule. */
const compiled = new LRUCache<string, RE2JS>({ max: 256, maxSize: 2 * maxSize, sizeCalculation: () => 1 })

/** Throws an Error in Go's words for what is no RE2 pattern. */
export const regularExpression = (pattern: string): RE2JS => {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  const size = patternSize(pattern)
  if (size > maxSize) throw new Error('error parsing regexp: expression too large')
  let made: RE2JS
  try {
    made = RE2JS.compile(pattern)
  } catch (error) {
    throw new Error(error instanceof Error ? error.message : String(error), { cause: error })
  }
  compiled.set(pattern, made, { size: Math.max(size, 1) })
  return made
}
