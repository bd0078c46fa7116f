/**
 * JSON text as a tree that loses nothing: numbers stay as they are written (int64 is wider than this language's), and
 * what is wrong is told in the words of Go's encoding/json, which clients of grpc-gateway see.
 */

/** A number as written. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type JsonTree = null | boolean | string | JsonNumber | readonly JsonTree[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonTree>

/** The text is no JSON. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
}

/** The text ends before its value does; `empty` if there was nothing but white space. */
export class JsonEndError extends Error {
  override readonly name = 'JsonEndError'
  readonly empty: boolean
  constructor(empty: boolean) {
    super('unexpected EOF')
    this.empty = empty
  }
}

/** Deeper values are refused: recursion has an end. */
const maxDepth = 1000

const quoteChar = (char: string): string => {
  if (char === "'") return String.raw`'\''`
  if (char === '"') return `'"'`
  return `'${JSON.stringify(char).slice(1, -1)}'`
}

const simpleEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

const isDigit = (char: string): boolean => char >= '0' && char <= '9' && char.length === 1

class Parser {
  readonly #text: string
  at: number

  constructor(text: string, at: number) {
    this.#text = text
    this.at = at
  }

  value(depth: number): JsonTree {
    const char = this.#next(depth === 0)
    switch (char) {
      case '{':
        return this.#object(depth + 1)
      case '[':
        return this.#array(depth + 1)
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        if (char === '-' || isDigit(char)) return this.#number(char)
        throw this.#invalid(char, 'looking for beginning of value')
    }
  }

  /** Throws unless only white space is left. */
  end(): void {
    this.#skipSpace()
    if (this.at < this.#text.length) throw this.#invalid(this.#peek(), 'after top-level value')
  }

  #object(depth: number): JsonObject {
    this.#checkDepth(depth)
    const object = new Map<string, JsonTree>()
    let char = this.#next()
    if (char === '}') return object
    for (;;) {
      if (char !== '"') throw this.#invalid(char, 'looking for beginning of object key string')
      const key = this.#string()
      this.#expect(':', 'after object key')
      object.set(key, this.value(depth))
      char = this.#next()
      if (char === '}') return object
      if (char !== ',') throw this.#invalid(char, 'after object key:value pair')
      char = this.#next()
    }
  }

  #array(depth: number): JsonTree[] {
    this.#checkDepth(depth)
    const array: JsonTree[] = []
    this.#skipSpace()
    if (this.#peek() === ']') {
      this.at++
      return array
    }
    for (;;) {
      array.push(this.value(depth))
      const char = this.#next()
      if (char === ']') return array
      if (char !== ',') throw this.#invalid(char, 'after array element')
    }
  }

  #string(): string {
    const parts: string[] = []
    let start = this.at
    for (;;) {
      const char = this.#take()
      if (char === '"') {
        parts.push(this.#text.slice(start, this.at - 1))
        return parts.join('')
      }
      if (char < ' ') throw this.#invalid(char, 'in string literal')
      if (char !== '\\') continue
      parts.push(this.#text.slice(start, this.at - 1), this.#escape())
      start = this.at
    }
  }

  #escape(): string {
    const char = this.#take()
    const simple = simpleEscapes[char]
    if (simple !== undefined) return simple
    if (char !== 'u') throw this.#invalid(char, 'in string escape code')
    let code = 0
    for (let i = 0; i < 4; i++) {
      const digit = this.#take()
      if (!/^[\da-fA-F]$/.test(digit)) throw this.#invalid(digit, String.raw`in \u hexadecimal character escape`)
      code = code * 16 + Number.parseInt(digit, 16)
    }
    return String.fromCharCode(code)
  }

  #number(first: string): JsonNumber {
    const start = this.at - 1
    let digit = first
    if (first === '-') {
      digit = this.#take()
      if (!isDigit(digit)) throw this.#invalid(digit, 'in numeric literal')
    }
    if (digit !== '0') this.#digits()
    if (this.#peek() === '.') {
      this.at++
      this.#atLeastOneDigit('after decimal point in numeric literal')
    }
    if (this.#peek() === 'e' || this.#peek() === 'E') {
      this.at++
      if (this.#peek() === '+' || this.#peek() === '-') this.at++
      this.#atLeastOneDigit('in exponent of numeric literal')
    }
    return new JsonNumber(this.#text.slice(start, this.at))
  }

  #atLeastOneDigit(context: string): void {
    const digit = this.#take()
    if (!isDigit(digit)) throw this.#invalid(digit, context)
    this.#digits()
  }

  #digits(): void {
    while (isDigit(this.#peek())) this.at++
  }

  #literal<T>(word: string, value: T): T {
    for (const expected of word.slice(1)) {
      const char = this.#take()
      if (char !== expected) throw this.#invalid(char, `in literal ${word} (expecting '${expected}')`)
    }
    return value
  }

  #expect(wanted: string, context: string): void {
    const char = this.#next()
    if (char !== wanted) throw this.#invalid(char, context)
  }

  #checkDepth(depth: number): void {
    if (depth > maxDepth) throw new JsonSyntaxError('exceeded max depth')
  }

  /** The next character that is not white space. */
  #next(atStart = false): string {
    this.#skipSpace()
    return this.#take(atStart)
  }

  #take(atStart = false): string {
    const char = this.#peek()
    if (char === '') throw new JsonEndError(atStart)
    this.at += char.length
    return char
  }

  /** '' at the end. */
  #peek(): string {
    const code = this.#text.codePointAt(this.at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #skipSpace(): void {
    for (;;) {
      const char = this.#text[this.at]
      if (char !== ' ' && char !== '\n' && char !== '\t' && char !== '\r') return
      this.at++
    }
  }

  #invalid(char: string, context: string): JsonSyntaxError | JsonEndError {
    if (char === '') return new JsonEndError(false)
    return new JsonSyntaxError(`invalid character ${quoteChar(char)} ${context}`)
  }
}

/** The first value of a text, and where it ends. Throws JsonSyntaxError or JsonEndError. */
export const parseFirstJson = (text: string, at = 0): { readonly value: JsonTree; readonly end: number } => {
  const parser = new Parser(text, at)
  const value = parser.value(0)
  return { value, end: parser.at }
}

/** A text that is one value and nothing else. */
export const parseWholeJson = (text: string): JsonTree => {
  try {
    const parser = new Parser(text, 0)
    const value = parser.value(0)
    parser.end()
    return value
  } catch (err) {
    if (err instanceof JsonEndError) throw new JsonSyntaxError('unexpected end of JSON input')
    throw err
  }
}
