/** Text to tokens. Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax */
import { CelSourceError } from './source-error.ts'
import { maxInt, maxUint, minInt, Uint, type Value } from './values.ts'

export type Token =
  | { readonly type: 'ident'; readonly text: string; readonly pos: number; readonly quoted: boolean }
  | { readonly type: 'literal'; readonly text: string; readonly pos: number; readonly value: Value | OutOfRange }
  | { readonly type: 'symbol'; readonly text: string; readonly pos: number }
  | { readonly type: 'end'; readonly text: '<EOF>'; readonly pos: number }

/** A number that is no int as it stands, but may be one behind a minus sign: 9223372036854775808. */
export class OutOfRange {
  readonly magnitude: bigint
  constructor(magnitude: bigint) {
    this.magnitude = magnitude
  }
}

const space = /[\t\n\f\r ]+|\/\/[^\n]*/y
const number = /0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|\d+[uU]?/y
const identifier = /[a-zA-Z_][a-zA-Z0-9_]*/y
const quotedIdentifier = /`([a-zA-Z0-9_.\-/ ]+)`/y
const stringStart = /(?:[rR][bB]?|[bB][rR]?)?("""|'''|"|')/y
const symbol = /&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
}
const escape =
  /\\(?:([abfnrtv\\?"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]?))/g

/** All tokens of the source, an `end` last. Throws CelSourceError. */
export const tokenize = (source: string): readonly Token[] => {
  const tokens: Token[] = []
  let pos = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = pos
    return pattern.exec(source)
  }
  const fail = (message: string, at = pos): CelSourceError => new CelSourceError(source, [{ pos: at, message }])

  const readString = (start: RegExpExecArray): Value => {
    const prefix = start[0].slice(0, -(start[1]?.length ?? 0)).toLowerCase()
    const quote = start[1] ?? ''
    const raw = prefix.includes('r')
    let end = pos + start[0].length
    const begin = end
    while (!source.startsWith(quote, end)) {
      const ch = source[end]
      if (ch === undefined || (quote.length === 1 && (ch === '\n' || ch === '\r')))
        throw fail(`Syntax error: token recognition error at: '${source.slice(pos, end)}'`)
      end += ch === '\\' && !raw ? 2 : 1
    }
    const body = source.slice(begin, end).replaceAll(/\r\n?/g, '\n')
    const at = pos
    pos = end + quote.length
    try {
      return prefix.includes('b') ? bytesOf(body, raw) : textOf(body, raw)
    } catch (error) {
      throw fail(error instanceof Error ? error.message : String(error), at)
    }
  }

  while (pos < source.length) {
    const blank = match(space)
    if (blank !== null) {
      pos += blank[0].length
      continue
    }
    const start = match(stringStart)
    if (start !== null) {
      const from = pos
      const value = readString(start)
      tokens.push({ type: 'literal', text: source.slice(from, pos), pos: from, value })
      continue
    }
    const digits = match(number)
    // `a.1` is no number, but `.5` is.
    if (digits !== null && !(digits[0].startsWith('.') && endsOperand(tokens.at(-1)))) {
      const text = digits[0]
      tokens.push({ type: 'literal', text, pos, value: numberOf(text, fail) })
      pos += text.length
      continue
    }
    const quoted = match(quotedIdentifier)
    if (quoted !== null) {
      tokens.push({ type: 'ident', text: quoted[1] ?? '', pos, quoted: true })
      pos += quoted[0].length
      continue
    }
    const name = match(identifier)
    if (name !== null) {
      const text = name[0]
      const value = text === 'true' ? true : text === 'false' ? false : text === 'null' ? null : undefined
      if (value !== undefined) tokens.push({ type: 'literal', text, pos, value })
      else if (text === 'in') tokens.push({ type: 'symbol', text, pos })
      else tokens.push({ type: 'ident', text, pos, quoted: false })
      pos += text.length
      continue
    }
    const sign = match(symbol)
    if (sign === null)
      throw fail(`Syntax error: token recognition error at: '${String.fromCodePoint(source.codePointAt(pos) ?? 0)}'`)
    tokens.push({ type: 'symbol', text: sign[0], pos })
    pos += sign[0].length
  }
  tokens.push({ type: 'end', text: '<EOF>', pos: source.length })
  return tokens
}

const endsOperand = (token: Token | undefined): boolean =>
  token !== undefined && (token.type === 'ident' || token.type === 'literal' || /^[)\]}]$/.test(token.text))

const numberOf = (text: string, fail: (message: string) => CelSourceError): Value | OutOfRange => {
  if (/[uU]$/.test(text)) {
    const value = BigInt(text.slice(0, -1))
    if (value > maxUint) throw fail('invalid uint literal')
    return new Uint(value)
  }
  if (/^0[xX]/.test(text) || /^\d+$/.test(text)) {
    const value = BigInt(text)
    if (value <= maxInt) return value
    if (value > -minInt) throw fail('invalid int literal')
    return new OutOfRange(value)
  }
  const value = Number(text)
  if (!Number.isFinite(value)) throw fail('invalid double literal')
  return value
}

const textOf = (body: string, raw: boolean): string => {
  if (raw) return body
  return body.replace(escape, (all, simple: string, x: string, u: string, bigU: string, octal: string) => {
    if (simple !== undefined) return simpleEscapes[simple] ?? ''
    const code = x ?? u ?? bigU
    const point = code === undefined ? (octal === undefined ? undefined : parseInt(octal, 8)) : parseInt(code, 16)
    if (point === undefined) throw new Error(`unable to unescape string: ${all}`)
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw new Error('invalid unicode code point')
    return String.fromCodePoint(point)
  })
}

const bytesOf = (body: string, raw: boolean): Uint8Array => {
  if (raw) return Buffer.from(body)
  const parts: Uint8Array[] = []
  let last = 0
  for (const found of body.matchAll(escape)) {
    const [all, simple, x, u, bigU, octal] = found
    parts.push(Buffer.from(body.slice(last, found.index)))
    last = found.index + all.length
    if (simple !== undefined) parts.push(Buffer.from(simpleEscapes[simple] ?? ''))
    else if (x !== undefined) parts.push(Uint8Array.of(parseInt(x, 16)))
    else if (octal !== undefined) parts.push(Uint8Array.of(parseInt(octal, 8)))
    else if (u !== undefined || bigU !== undefined) throw new Error('unable to unescape bytes: unicode escape in bytes')
    else throw new Error(`unable to unescape string: ${all}`)
  }
  parts.push(Buffer.from(body.slice(last)))
  return Buffer.concat(parts)
}
