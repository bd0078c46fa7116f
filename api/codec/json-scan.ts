/** One cheap pass over the bytes of a JSON text, to learn whether JSON.parse is exact for it. */

export interface JsonFacts {
  /** Members of all objects as written: more than the parsed value has means that fields were given twice. */
  readonly members: number
  readonly depth: number
  /**
   * False where JSON.parse may lose something: numbers of 16 digits or more, with a fraction or an exponent, and halves
   * of surrogate pairs.
   */
  readonly exact: boolean
}

const quote = 0x22
const dot = 0x2e
const lowerD = 0x64
const lowerE = 0x65
const lowerU = 0x75
const backslash = 0x5c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const safeDigits = 15

/** Works on any bytes; what it says of a text that is no JSON means nothing. */
export const scanJson = (bytes: Uint8Array): JsonFacts => {
  let members = 0
  let depth = 0
  let deepest = 0
  let digits = 0
  let exact = true
  const length = bytes.length
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number
    if (byte === quote) {
      digits = 0
      for (i++; i < length && bytes[i] !== quote; i++) {
        if (bytes[i] !== backslash) continue
        i++
        if (bytes[i] === lowerU && ((bytes[i + 1] as number) | 0x20) === lowerD) exact = false
      }
    } else if (byte >= 0x30 && byte <= 0x39) {
      if (++digits > safeDigits) exact = false
    } else {
      if (digits > 0 && (byte === dot || (byte | 0x20) === lowerE)) exact = false
      digits = 0
      if (byte === colon) members++
      else if (byte === openBrace || byte === openBracket) {
        if (++depth > deepest) deepest = depth
      } else if (byte === closeBrace || byte === closeBracket) depth--
    }
  }
  return { members, depth: deepest, exact }
}

/** Members of all objects of a parsed value. */
export const countMembers = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countMembers(item)
    return count
  }
  for (const name in value) {
    count++
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'object') count += countMembers(member)
  }
  return count
}
