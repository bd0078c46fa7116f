/** Values whose types upstream reads by hand-written unmarshalers: JSONSchemaProps' unions. The rest stays as it is. */
import { schemaByRef, type Schema } from '../schema/schema.ts'
import { type DecodeContext, DecodeError } from './decode-context.ts'
import type { Decoder } from './decode-scalars.ts'
import { compactJson, withExactText } from './exact-text.ts'

const prefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.'

const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension'

const asItIs: Decoder = (value) => value

/** A RawExtension keeps the text that it was sent as. */
const decodeRaw: Decoder = (value, { source }) => {
  if (source === undefined || typeof value !== 'object' || value === null) return value
  const text = source.textOf(value)
  const compact = text === undefined ? undefined : compactJson(text)
  return compact === undefined || compact === JSON.stringify(value) ? value : withExactText(value, () => compact)
}

/** Such unmarshalers decode without strictness: unknown fields below are dropped and not told. */
const silently = (decode: Decoder, value: unknown, context: DecodeContext): unknown => {
  const before = context.silent
  context.silent = true
  const decoded = decode(value, context)
  context.silent = before
  return decoded
}

export const decodeNamedAny = (name: string, decoderOf: (schema: Schema) => Decoder): Decoder => {
  /** Looked up late: JSONSchemaProps contains these unions. */
  const props = (): Decoder => {
    const schema = schemaByRef(`${prefix}JSONSchemaProps`)
    return schema === undefined ? asItIs : decoderOf(schema)
  }
  switch (name) {
    case `${prefix}JSONSchemaPropsOrBool`:
      return (value, context) => {
        if (typeof value === 'boolean') return value
        if (typeof value === 'object' && !Array.isArray(value)) return silently(props(), value, context)
        throw new DecodeError('boolean or JSON schema expected')
      }
    case `${prefix}JSONSchemaPropsOrArray`:
      return (value, context) => {
        if (Array.isArray(value)) return value.map((item) => silently(props(), item, context))
        if (typeof value === 'object') return silently(props(), value, context)
        throw new DecodeError('array or JSON schema expected')
      }
    case `${prefix}JSONSchemaPropsOrStringArray`:
      return (value, context) => {
        if (Array.isArray(value)) return value
        return silently(props(), value, context)
      }
    case rawExtension:
      return decodeRaw
    default:
      return asItIs
  }
}
