/**
 * The bytes of a custom resource, as the store holds them in one version, and as another version shows them.
 * Upstream: crConversionRESTOptionsGetter: pruned and defaulted by the schema of the version that they are stored in,
 * then converted, then pruned by the schema of the version that they are wanted in.
 */
import { parseJson } from '../../../api/codec/json.ts'
import type { CustomSchema } from '../../../api/kind.ts'
import type { KubeObject } from '../../../api/types.ts'
import { cloneJson } from '../../storage/json.ts'
import { encodeForStorage } from '../../storage/encoding.ts'
import { ConversionError } from '../../storage/key-value.ts'
import type { Converter } from './converter.ts'

export interface VersionCodecOptions {
  /** `group/version` in which objects are shown. */
  readonly shown: string
  /** `group/version` in which objects are written. */
  readonly stored: string
  /** Of every version of the definition, by `group/version`. */
  readonly schemas: ReadonlyMap<string, CustomSchema>
  readonly converter: Converter
}

export interface VersionCodec {
  /** Values as this version shows them: the same buffers where nothing is different. Rejects with ConversionError. */
  readonly show: (values: readonly Buffer[]) => readonly Buffer[] | Promise<readonly Buffer[]>
  readonly store: (value: Buffer) => Buffer | Promise<Buffer>
  /** Whether the value is stored in the version in which it would be written now. */
  readonly isStoredForm: (value: Buffer) => boolean
}

/** Then `next`, at once if it can be. */
export const then = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)

interface Read {
  readonly value: Buffer
  readonly object: KubeObject
  /** Whether the object is another than the value says. */
  readonly changed: boolean
}

const parse = (value: Buffer): KubeObject => parseJson(value, { strict: false }).value as KubeObject

/** What an object of the version begins with: as this server writes it, and as Go does. */
const headsOf = (apiVersion: string, kind: string): Buffer[] => [
  Buffer.from(`{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},`),
  Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},`),
]

export const createVersionCodec = (
  kind: string,
  { shown, stored, schemas, converter }: VersionCodecOptions,
): VersionCodec => {
  const storedHeads = headsOf(stored, kind)
  const isStoredForm = (value: Buffer): boolean =>
    storedHeads.some((head) => value.subarray(0, head.length).equals(head)) || parse(value).apiVersion === stored

  const read = (value: Buffer): Read => {
    const object = parse(value)
    const { apiVersion = '' } = object
    const schema = schemas.get(apiVersion)
    if (schema === undefined && converter.waits) {
      throw new ConversionError(`request to convert CR from an invalid group/version: ${apiVersion}`)
    }
    const pruned = schema?.prune(object) ?? []
    const filled = schema?.fill(object) ?? false
    return { value, object, changed: pruned.length > 0 || filled }
  }

  const shownSchema = schemas.get(shown)
  const show = (values: readonly Buffer[]): readonly Buffer[] | Promise<readonly Buffer[]> => {
    const reads = values.map(read)
    const objects = reads.map(({ object }) => object)
    return then(converter.convert(objects, shown), (converted) =>
      reads.map(({ value, object, changed }, index) => {
        const result = converted[index] ?? object
        if (result === object && !changed) return value
        if (result === object) return encodeForStorage(result)
        const own = cloneJson(result)
        shownSchema?.prune(own)
        return encodeForStorage(own)
      }),
    )
  }

  const store = (value: Buffer): Buffer | Promise<Buffer> => {
    if (shown === stored) return value
    return then(converter.convert([parse(value)], stored), ([object]) => {
      if (object === undefined) throw new Error('a conversion gave no object')
      const own = cloneJson(object)
      schemas.get(stored)?.prune(own)
      return encodeForStorage(own)
    })
  }
  return { show, store, isStoredForm }
}
