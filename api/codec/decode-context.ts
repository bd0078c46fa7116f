/** Where a decoder stands in the object, and what it objects to. */
import type { JsonSource } from './json.ts'
import { formatPath } from './json-reader.ts'

/** Why a value cannot be what its field wants, in Go's words; the caller says which object. */
export class DecodeError extends Error {}

/** Go's limit of strict errors. */
const maxUnknownFields = 100

export class DecodeContext {
  /** Parts of the path; only the first `depth` count. */
  readonly #parts: (string | number)[] = []
  /** Struct names beside #parts; '' where the part is an index or a map's key, which Go's messages leave out. */
  readonly #structs: string[] = []
  #depth = 0
  readonly unknownFields: string[] = []
  /** Set while a part is read whose unknown fields upstream's own unmarshalers drop in silence. */
  silent = false
  readonly source: JsonSource | undefined

  constructor(source?: JsonSource) {
    this.source = source
  }

  enter(part: string | number, struct: string): void {
    this.#parts[this.#depth] = part
    this.#structs[this.#depth] = struct
    this.#depth++
  }

  leave(): void {
    this.#depth--
  }

  addUnknown(name: string): void {
    if (this.silent || this.unknownFields.length >= maxUnknownFields) return
    this.unknownFields.push(formatPath([...this.#parts.slice(0, this.#depth), name]))
  }

  /** The number here as it was written, where its value does not tell. */
  oddNumber(): string | undefined {
    if (this.source === undefined || this.source.oddNumbers.size === 0) return undefined
    return this.source.oddNumbers.get(formatPath(this.#parts.slice(0, this.#depth)))
  }

  /** `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`. */
  mismatch(value: unknown, goType: string): DecodeError {
    const structs = this.#structs.slice(0, this.#depth)
    const names = this.#parts.slice(0, this.#depth).filter((_, index) => structs[index] !== '')
    const struct = structs.findLast((name) => name !== '')
    const field = `Go struct field ${struct}.${names.join('.')}`
    const target = `${struct === undefined ? 'Go value' : field} of type ${goType}`
    return new DecodeError(`json: cannot unmarshal ${jsonKind(value, goType, this.oddNumber())} into ${target}`)
  }
}

const isInteger = (goType: string): boolean => goType === 'int32' || goType === 'int64'

/** What Go calls a JSON value; an unfit number is shown where an integer was wanted. */
export const jsonKind = (value: unknown, goType = '', literal?: string): string => {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number' || typeof value === 'bigint') {
    return isInteger(goType) ? `number ${literal ?? String(value)}` : 'number'
  }
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : 'object'
}
