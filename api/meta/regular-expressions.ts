/** Regular expressions of users run on RE2 alone, which no pattern can stall. */
import { RE2JS } from 're2js'

/** Compiled patterns, the last used; a pattern mostly stands in a schema or a rule. */
const compiled = new Map<string, RE2JS>()
const maxCompiled = 256

/** Throws an Error in Go's words for what is no RE2 pattern. */
export const regularExpression = (pattern: string): RE2JS => {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  let made: RE2JS
  try {
    made = RE2JS.compile(pattern)
  } catch (error) {
    throw new Error(error instanceof Error ? error.message : String(error), { cause: error })
  }
  if (compiled.size >= maxCompiled) compiled.delete(compiled.keys().next().value ?? '')
  compiled.set(pattern, made)
  return made
}
