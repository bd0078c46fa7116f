/** Cuts a stream of JSON values, one after another with or without white space between, into values. */
import { StringDecoder } from 'node:string_decoder'
import { JsonEndError, type JsonTree, parseFirstJson } from '../../../component-base/protobuf/json/parse.ts'
import { tooLarge } from './call.ts'

export class JsonStream {
  readonly #maxBytes: number
  readonly #decoder = new StringDecoder('utf8')
  #text = ''
  /** How far `#text` has been looked at for the end of its first value. */
  #scanned = 0
  #depth = 0
  #inString = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The values that a chunk completes. Throws JsonSyntaxError, or GrpcError when one is too large. */
  *push(chunk: Buffer): Generator<JsonTree, void, void> {
    this.#text += this.#decoder.write(chunk)
    while (this.#scan()) yield this.#take()
    if (this.#text.length > this.#maxBytes) throw tooLarge(this.#text.length, this.#maxBytes)
  }

  /** Throws when the stream ended in the middle of a value; undefined when nothing was left. */
  finish(): JsonTree | undefined {
    try {
      return this.#take()
    } catch (err) {
      if (err instanceof JsonEndError && err.empty) return undefined
      throw err
    }
  }

  #take(): JsonTree {
    const { value, end } = parseFirstJson(this.#text)
    this.#text = this.#text.slice(end)
    this.#scanned = 0
    this.#depth = 0
    this.#inString = false
    return value
  }

  /** Whether there is a first value that is complete, or cannot become one. */
  #scan(): boolean {
    for (; this.#scanned < this.#text.length; this.#scanned++) {
      const char = this.#text[this.#scanned] ?? ''
      if (this.#inString) {
        if (char === '\\') this.#scanned++
        else if (char === '"') this.#inString = false
      } else if (char === '"') this.#inString = true
      else if (char === '{' || char === '[') this.#depth++
      else if (char === '}' || char === ']') {
        this.#depth--
        if (this.#depth <= 0) return true
      } else if (this.#depth === 0 && char.trim() !== '') return true // no object: right or wrong, it is read as it is
    }
    return false
  }
}
