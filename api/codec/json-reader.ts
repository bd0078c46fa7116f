/**
 * The exact JSON parser: int64 numbers stay exact (as bigint where a double would round them), fields given twice are
 * told with their paths, errors are in Go's words. Slower than JSON.parse, and used only where json.ts needs it.
 */

/** Why a text is no JSON, in the words of Go's encoding/json. */
export class JsonSyntaxError extends Error {}

/** Deeper nesting than this is refused, so that no later walk over the value can exhaust the stack. */
export const maxJsonDepth = 2_000
/** Go's limit of strict errors. */
const maxDuplicates = 100

const maxInt64 = 2n ** 63n - 1n
const minInt64 = -(2n ** 63n)
/** `-9223372036854775808`: a longer one is not worth a bigint, which takes long to make of a million digits. */
const maxInt64Length = 20

const escapes = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Go quotes characters in single quotes. */
const quoted = (character: string): string => {
  if (character === "'") return `'\\''`
  if (character === '"') return `'"'`
  return `'${JSON.stringify(character).slice(1, -1)}'`
}

/** The number that a literal means: bigint only for int64 values that a double cannot hold. */
const numberOf = (literal: string): number | bigint => {
  const value = Number(literal)
  if (Number.isSafeInteger(value) || literal.length > maxInt64Length || /[.eE]/.test(literal)) return value
  const exact = BigInt(literal)
  return exact >= minInt64 && exact <= maxInt64 ? exact : value
}

/** A literal that JavaScript's number does not give back: with a fraction or an exponent, or beyond int64. */
const isOdd = (literal: string, value: number | bigint): boolean =>
  /[.eE]/.test(literal) || (literal !== '-0' && String(value) !== literal)

/** Hears of every member of every object, in the order of the text; `again` if its object has had it before. */
export type OnMember = (path: string, again: boolean) => void

export class JsonReader {
  readonly #text: string
  readonly #onMember: OnMember | undefined
  readonly #path: (string | number)[] = []
  #at = 0
  #depth = 0
  /** Paths of fields that were given more than once: `spec.containers[0].name`. */
  readonly duplicates: string[] = []
  /** Numbers as they were written, by path, where the value does not tell. */
  readonly oddNumbers = new Map<string, string>()
  /** Where objects and lists stand in the text. */
  readonly #spans = new WeakMap<object, readonly [start: number, end: number]>()

  constructor(text: string, onMember?: OnMember) {
    this.#text = text
    this.#onMember = onMember
  }

  /** The whole text as one value; throws JsonSyntaxError. */
  read(): unknown {
    const value = this.#value()
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value')
    return value
  }

  /** The text that an object or list of the value was read from. */
  textOf(value: object): string | undefined {
    const span = this.#spans.get(value)
    return span === undefined ? undefined : this.#text.slice(...span)
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  #unexpected(context: string): JsonSyntaxError {
    const code = this.#text.codePointAt(this.#at)
    return new JsonSyntaxError(
      code === undefined
        ? 'unexpected end of JSON input'
        : `invalid character ${quoted(String.fromCodePoint(code))} ${context}`,
    )
  }

  #value(): unknown {
    this.#space()
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#nested(() => this.#object())
      case '[':
        return this.#nested(() => this.#array())
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        return this.#number()
    }
  }

  #nested<T extends object>(read: () => T): T {
    if (++this.#depth > maxJsonDepth) throw new JsonSyntaxError('exceeded max depth')
    const start = this.#at++
    const value = read()
    this.#spans.set(value, [start, this.#at])
    this.#depth--
    return value
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    this.#space()
    if (this.#text[this.#at] === '}') {
      this.#at++
      return object
    }
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw this.#unexpected('looking for beginning of object key string')
      const name = this.#string()
      this.#space()
      if (this.#text[this.#at] !== ':') throw this.#unexpected('after object key')
      this.#at++
      this.#path.push(name)
      const again = Object.hasOwn(object, name)
      if (again && this.duplicates.length < maxDuplicates) this.duplicates.push(formatPath(this.#path))
      this.#onMember?.(formatPath(this.#path), again)
      // defineProperty: `__proto__` is a name like any other.
      const value = this.#value()
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
      this.#path.pop()
      this.#space()
      const separator = this.#text[this.#at]
      if (separator !== ',' && separator !== '}') throw this.#unexpected('after object key:value pair')
      this.#at++
      if (separator === '}') return object
    }
  }

  #array(): unknown[] {
    const array: unknown[] = []
    this.#space()
    if (this.#text[this.#at] === ']') {
      this.#at++
      return array
    }
    for (;;) {
      this.#path.push(array.length)
      array.push(this.#value())
      this.#path.pop()
      this.#space()
      const separator = this.#text[this.#at]
      if (separator !== ',' && separator !== ']') throw this.#unexpected('after array element')
      this.#at++
      if (separator === ']') return array
    }
  }

  #string(): string {
    let result = ''
    let start = ++this.#at
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined) throw this.#unexpected('in string literal')
      if (character === '"') {
        result += this.#text.slice(start, this.#at++)
        // As Go: half a pair is no character.
        return result.toWellFormed()
      }
      if (character < ' ') throw this.#unexpected('in string literal')
      if (character !== '\\') {
        this.#at++
        continue
      }
      result += this.#text.slice(start, this.#at++)
      result += this.#escape()
      start = this.#at
    }
  }

  #escape(): string {
    const character = this.#text[this.#at]
    if (character === 'u') {
      this.#at++
      for (let digit = 0; digit < 4; digit++, this.#at++) {
        if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? ''))
          throw this.#unexpected('in \\u hexadecimal character escape')
      }
      return String.fromCharCode(Number.parseInt(this.#text.slice(this.#at - 4, this.#at), 16))
    }
    const escaped = character === undefined ? undefined : escapes.get(character)
    if (escaped === undefined) throw this.#unexpected('in string escape code')
    this.#at++
    return escaped
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      this.#at++
      if (this.#text[this.#at] !== word[i]) throw this.#unexpected(`in literal ${word} (expecting '${word[i]}')`)
    }
    this.#at++
    return value
  }

  #number(): number | bigint {
    numberPattern.lastIndex = this.#at
    const literal = numberPattern.exec(this.#text)?.[0]
    if (literal === undefined) {
      if (this.#text[this.#at] !== '-') throw this.#unexpected('looking for beginning of value')
      this.#at++
      throw this.#unexpected('in numeric literal')
    }
    this.#at += literal.length
    const value = numberOf(literal)
    if (isOdd(literal, value)) this.oddNumbers.set(formatPath(this.#path), literal)
    return value
  }
}

/** Path parts as upstream's strict errors write them: names joined by dots, indexes in brackets. */
export const formatPath = (parts: readonly (string | number)[]): string => {
  let path = ''
  for (const part of parts) path += typeof part === 'number' ? `[${part}]` : path === '' ? part : `.${part}`
  return path
}
