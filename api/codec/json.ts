/**
 * JSON as the API needs it: exact int64 numbers, fields given twice reported, depth bounded.
 *
 * Flow: one scan of the bytes decides. A text whose numbers and strings JSON.parse keeps, and with as many members as
 * its parsed value, goes through JSON.parse alone; the others are read again by JsonReader. Integers beyond 2^53 become bigint; `toJSON`
 * below lets JSON.stringify write them as numbers.
 */
import { JsonReader, JsonSyntaxError, maxJsonDepth, type OnMember } from './json-reader.ts'
import { countMembers, scanJson } from './json-scan.ts'

export { JsonSyntaxError } from './json-reader.ts'

/** What the values of a text do not tell of it. */
export interface JsonSource {
  /** Numbers as they were written, by path, where the value does not tell: `1.50`. */
  readonly oddNumbers: ReadonlyMap<string, string>
  /** The text that an object or list of the value was read from. */
  textOf(value: object): string | undefined
}

export interface ParsedText {
  readonly value: unknown
  /** What strict decoding objects to: `duplicate field "spec.replicas"`, or YAML's `line 9: key "foo" already set in map`. */
  readonly duplicates: readonly string[]
  /** Of JSON: walks its members once more, in the order of the text. */
  readonly eachMember?: (visit: OnMember) => void
  /** Of JSON that JSON.parse alone would not have read exactly. */
  readonly source?: JsonSource
}

declare global {
  interface JSON {
    /** Text that JSON.stringify copies as it is. Missing in TypeScript's library of es2024. */
    rawJSON(text: string): unknown
  }
}

/**
 * A bigint in an object is an int64 that no double can hold; it is written as the number it is. There is no other
 * hook that costs nothing for objects without such numbers (a replacer makes JSON.stringify several times slower).
 */
const installBigIntJson = (): void => {
  Object.defineProperty(BigInt.prototype, 'toJSON', {
    value(this: bigint): unknown {
      return JSON.rawJSON(this.toString())
    },
    configurable: true,
    writable: true,
  })
}
installBigIntJson()

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Parses JSON. `strict: false` (fieldValidation=Ignore) spares the search for duplicate fields.
 * Throws JsonSyntaxError with Go's message.
 */
export const parseJson = (bytes: Uint8Array | string, options: { readonly strict?: boolean } = {}): ParsedText => {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : asBuffer(bytes)
  const text = typeof bytes === 'string' ? bytes : buffer.toString('utf8')
  const eachMember = (visit: OnMember): void => void new JsonReader(text, visit).read()
  const facts = scanJson(buffer)
  if (facts.depth > maxJsonDepth) throw new JsonSyntaxError('exceeded max depth')
  if (facts.exact) {
    const value = tryParse(text)
    if (value !== undefined && (options.strict === false || countMembers(value) === facts.members)) {
      return { value, duplicates: [], eachMember }
    }
  }
  const reader = new JsonReader(text)
  const value = reader.read()
  return { value, duplicates: reader.duplicates.map(duplicateField), eachMember, source: reader }
}

export const duplicateField = (path: string): string => `duplicate field ${JSON.stringify(path)}`

/** undefined where the text is no JSON: JsonReader then says why. */
const tryParse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
