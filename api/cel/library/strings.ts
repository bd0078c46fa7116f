/** Functions of strings: the standard ones and cel-go's string extension. Regular expressions run on RE2 alone. */
import type { RE2JS } from 're2js'
import { regularExpression } from '../../meta/regular-expressions.ts'
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelCostError, CelError, type Value } from '../values.ts'
import { format } from './format.ts'
import { sizeOf, traversal, walk } from './operators.ts'

/** Throws CelError for what is no RE2 pattern. */
const pattern = (text: string): RE2JS => {
  try {
    return regularExpression(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new CelError(message.startsWith('error parsing regexp') ? message : `error parsing regexp: ${message}`)
  }
}

const matches = (text: string, regex: string): boolean => pattern(regex).matcher(text).find()
const matchCost = ([text, regex]: readonly Value[]): number =>
  Math.ceil((1 + sizeOf(text)) * traversal) * Math.ceil(sizeOf(regex) * 0.25)
const searchCost = ([text, part]: readonly Value[]): number =>
  Math.ceil(sizeOf(text) * traversal) * Math.ceil(sizeOf(part) * traversal)

const points = (text: string): string[] => Array.from(text)
const ascii = (text: string, from: string, to: string, shift: number): string =>
  Array.from(text, (ch) => (ch >= from && ch <= to ? String.fromCharCode(ch.charCodeAt(0) + shift) : ch)).join('')
const lowerAscii = (text: string): string => ascii(text, 'A', 'Z', 32)
const upperAscii = (text: string): string => ascii(text, 'a', 'z', -32)

const charAt = (text: string, at: bigint): string => {
  const all = points(text)
  if (at < 0n || at > all.length) throw new CelError(`index out of range: ${at}`)
  return all[Number(at)] ?? ''
}

const substring = (text: string, begin: bigint, end?: bigint): string => {
  const all = points(text)
  const last = end ?? BigInt(all.length)
  if (begin < 0n || begin > all.length) throw new CelError(`index out of range: ${begin}`)
  if (last < 0n || last > all.length) throw new CelError(`index out of range: ${last}`)
  if (begin > last) throw new CelError(`invalid substring range. start: ${begin}, end: ${last}`)
  return all.slice(Number(begin), Number(last)).join('')
}

const isAt = (all: readonly string[], part: readonly string[], at: number): boolean =>
  part.every((ch, index) => all[at + index] === ch)

const indexOf = (text: string, part: string, from = 0n): bigint => {
  const [all, wanted] = [points(text), points(part)]
  if (from < 0n || from > all.length) {
    if (part === '' && from > all.length) return BigInt(all.length)
    throw new CelError(`index out of range: ${from}`)
  }
  for (let at = Number(from); at <= all.length - wanted.length; at++) if (isAt(all, wanted, at)) return BigInt(at)
  return -1n
}

const lastIndexOf = (text: string, part: string, from?: bigint): bigint => {
  const [all, wanted] = [points(text), points(part)]
  if (from !== undefined && (from < 0n || from > all.length)) throw new CelError(`index out of range: ${from}`)
  const start = Math.min(from === undefined ? all.length : Number(from), all.length - wanted.length)
  for (let at = start; at >= 0; at--) if (isAt(all, wanted, at)) return BigInt(at)
  return -1n
}

/** Nothing in a request is as long; what would be is not begun. */
const maxLength = 20_000_000
const checkLength = (length: number): void => {
  if (length > maxLength) throw new CelCostError('operation interrupted')
}

const replace = (text: string, old: string, by: string, limit = -1n): string => {
  if (limit === 0n) return text
  const places = (all: number): number => (limit < 0n ? all : Math.min(all, Number(limit)))
  if (old === '') {
    checkLength(text.length + places(text.length + 1) * by.length)
    return replaceEmpty(text, by, limit)
  }
  const parts = text.split(old)
  const count = places(parts.length - 1)
  checkLength(text.length + count * by.length)
  return (
    parts.slice(0, count + 1).join(by) +
    parts
      .slice(count + 1)
      .map((part) => old + part)
      .join('')
  )
}

/** The empty string is found before every character and at the end. */
const replaceEmpty = (text: string, by: string, limit: bigint): string => {
  let left = limit < 0n ? Infinity : Number(limit)
  let out = ''
  for (const ch of points(text)) out += left-- > 0 ? by + ch : ch
  return left > 0 ? out + by : out
}

const split = (text: string, separator: string, limit = -1n): readonly string[] => {
  if (limit === 0n) return []
  const parts = separator === '' ? points(text) : text.split(separator)
  if (limit < 0n || parts.length <= limit) return parts
  const kept = Number(limit) - 1
  return [...parts.slice(0, kept), parts.slice(kept).join(separator)]
}

/** Unicode's white space, as Go's unicode.IsSpace has it. */
const trim = (text: string): string => {
  const space = String.raw`[\t\n\v\f\r \u0085\u00A0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+`
  return text.replace(new RegExp(`^${space}`, 'u'), '').replace(new RegExp(`${space}$`, 'u'), '')
}

const quoteEscapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}
const quote = (text: string): string => `"${Array.from(text.toWellFormed(), (ch) => quoteEscapes[ch] ?? ch).join('')}"`

const join = (list: readonly Value[], separator = ''): string => {
  let length = 0
  const texts = list.map((item) => {
    if (typeof item !== 'string') throw new CelError('no such overload')
    checkLength((length += item.length + separator.length))
    return item
  })
  return texts.join(separator)
}
const joinCost = (args: readonly Value[], result: Value): number => Math.ceil(sizeOf(result) * traversal) + args.length

export const stringFunctions: readonly FunctionDeclaration[] = [
  method('contains', 'string, string -> bool', (text: string, part: string) => text.includes(part), searchCost),
  method('startsWith', 'string, string -> bool', (text: string, part: string) => text.startsWith(part), walk),
  method('endsWith', 'string, string -> bool', (text: string, part: string) => text.endsWith(part), walk),
  method('matches', 'string, string -> bool', matches, matchCost),
  func('matches', 'string, string -> bool', matches, matchCost),
  method('charAt', 'string, int -> string', charAt, walk),
  method('indexOf', 'string, string -> int', indexOf, searchCost),
  method('indexOf', 'string, string, int -> int', indexOf, searchCost),
  method('lastIndexOf', 'string, string -> int', lastIndexOf, searchCost),
  method('lastIndexOf', 'string, string, int -> int', lastIndexOf, searchCost),
  method('lowerAscii', 'string -> string', lowerAscii, walk),
  method('upperAscii', 'string -> string', upperAscii, walk),
  method('replace', 'string, string, string -> string', replace, searchCost),
  method('replace', 'string, string, string, int -> string', replace, searchCost),
  method('split', 'string, string -> list(string)', split, searchCost),
  method('split', 'string, string, int -> list(string)', split, searchCost),
  method('substring', 'string, int -> string', substring, walk),
  method('substring', 'string, int, int -> string', substring, walk),
  method('trim', 'string -> string', trim, walk),
  method('reverse', 'string -> string', (text: string) => points(text).toReversed().join(''), walk),
  method('join', 'list(string) -> string', join, joinCost),
  method('join', 'list(string), string -> string', join, joinCost),
  method('format', 'string, list(dyn) -> string', format, walk),
  func('strings.quote', 'string -> string', quote, walk),
]

/** Kubernetes' own: find and findAll. Upstream: apiserver/pkg/cel/library/regex.go */
const find = (text: string, regex: string): string => {
  const matcher = pattern(regex).matcher(text)
  return matcher.find() ? (matcher.group() ?? '') : ''
}
const findAll = (text: string, regex: string, limit = -1n): readonly string[] => {
  const found: string[] = []
  const matcher = pattern(regex).matcher(text)
  while ((limit < 0n || found.length < limit) && matcher.find()) found.push(matcher.group() ?? '')
  return found
}

export const regexFunctions: readonly FunctionDeclaration[] = [
  method('find', 'string, string -> string', find, matchCost),
  method('findAll', 'string, string -> list(string)', findAll, matchCost),
  method('findAll', 'string, string, int -> list(string)', findAll, matchCost),
]
