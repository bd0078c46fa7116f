/** What stands between an object's bytes and the store's. Upstream: k8s.io/apiserver/pkg/storage/value */

export interface Plain {
  readonly data: Buffer
  /** Stored otherwise than it would be now: the next write, even of the same object, stores it anew. */
  readonly stale: boolean
}

/**
 * `context` is the object's key in the store; authenticated encryption binds the data to it. Both throw, or reject,
 * when the bytes cannot be made; only what asks a key management service is asynchronous.
 */
export interface Transformer {
  fromStorage(data: Buffer, context: Buffer): Plain | Promise<Plain>
  toStorage(data: Buffer, context: Buffer): Buffer | Promise<Buffer>
}

export const tooShort = (): Error => new Error('the stored data was shorter than the required size')

/** Data that begins with `prefix` is this transformer's; the prefix is not part of its data. */
export interface PrefixTransformer {
  readonly prefix: Buffer
  readonly transformer: Transformer
}

export type Direction = 'from_storage' | 'to_storage'

/** Told of every transformation; `error` is undefined where it went well. */
export type ObserveTransformation = (
  direction: Direction,
  prefix: string,
  seconds: number,
  error: Error | undefined,
) => void

const nothing: ObserveTransformation = () => {}

/** What several errors say in one, as Go's aggregates do. */
const aggregate = (errors: readonly Error[]): Error => {
  const [only] = errors
  if (errors.length === 1 && only !== undefined) return only
  return new Error(`[${errors.map(({ message }) => message).join(', ')}]`)
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/**
 * Writes with the first, reads with whichever the data's prefix names: so keys and providers are changed without
 * losing what is stored.
 */
export const prefixTransformers = (
  transformers: readonly [PrefixTransformer, ...PrefixTransformer[]],
  noMatch: string,
  observe: ObserveTransformation = nothing,
): Transformer => {
  const [writer] = transformers
  /** Tries those from `index` on. */
  const read = (data: Buffer, context: Buffer, index: number, errors: readonly Error[]): Plain | Promise<Plain> => {
    for (let at = index; at < transformers.length; at++) {
      const candidate = transformers[at]
      if (candidate === undefined || !startsWith(data, candidate.prefix)) continue
      const { prefix, transformer } = candidate
      const start = performance.now()
      const label = prefix.length === 0 ? 'identity' : prefix.toString('latin1')
      const succeed = ({ data: plain, stale }: Plain): Plain => {
        observe('from_storage', label, (performance.now() - start) / 1000, undefined)
        return { data: plain, stale: stale || at > 0 }
      }
      const fail = (thrown: unknown): Plain | Promise<Plain> => {
        const error = asError(thrown)
        // That identity does not take encrypted data says nothing of what is wrong with them.
        if (prefix.length === 0) return read(data, context, at + 1, errors)
        observe('from_storage', label, (performance.now() - start) / 1000, error)
        return read(data, context, at + 1, [...errors, error])
      }
      try {
        const plain = transformer.fromStorage(data.subarray(prefix.length), context)
        return plain instanceof Promise ? plain.then(succeed, fail) : succeed(plain)
      } catch (thrown) {
        return fail(thrown)
      }
    }
    if (errors.length > 0) throw aggregate(errors)
    const error = new Error(noMatch)
    observe('from_storage', 'unknown', 0, error)
    throw error
  }
  return {
    fromStorage: (data, context) => read(data, context, 0, []),
    toStorage: (data, context) => {
      const start = performance.now()
      const label = writer.prefix.toString('latin1')
      const done = (bytes: Buffer): Buffer => {
        observe('to_storage', label, (performance.now() - start) / 1000, undefined)
        return writer.prefix.length === 0 ? bytes : Buffer.concat([writer.prefix, bytes])
      }
      const fail = (thrown: unknown): never => {
        const error = asError(thrown)
        observe('to_storage', label, (performance.now() - start) / 1000, error)
        throw error
      }
      try {
        const bytes = writer.transformer.toStorage(data, context)
        return bytes instanceof Promise ? bytes.then(done, fail) : done(bytes)
      } catch (thrown) {
        return fail(thrown)
      }
    },
  }
}

const startsWith = (data: Buffer, prefix: Buffer): boolean =>
  data.length >= prefix.length && data.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
