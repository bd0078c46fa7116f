/** Decoders of scalar fields: the checks and the canonical forms that upstream's types have. */
import { formatQuantity, maxCachedLength, parseQuantity } from '../meta/quantity.ts'
import { canonicalMicroTime, canonicalTime, timeProblem } from '../meta/time.ts'
import type { ScalarType } from '../schema/schema.ts'
import { type DecodeContext, DecodeError, jsonKind } from './decode-context.ts'

export type Decoder = (value: unknown, context: DecodeContext) => unknown

const maxInt32 = 2 ** 31 - 1
const minInt32 = -(2 ** 31)

/** Texts of quantities and their canonical form; a few hundred in a whole cluster. */
const canonicalQuantities = new Map<string, string>()
const maxCanonicalQuantities = 4096

const decodeQuantity: Decoder = (value) => {
  const text = typeof value === 'string' ? value.trim() : JSON.stringify(value)
  const known = canonicalQuantities.get(text)
  if (known !== undefined) return known
  try {
    const canonical = formatQuantity(parseQuantity(text))
    if (text.length > maxCachedLength) return canonical
    if (canonicalQuantities.size >= maxCanonicalQuantities) canonicalQuantities.clear()
    canonicalQuantities.set(text, canonical)
    return canonical
  } catch (error) {
    if (error instanceof RangeError) throw new DecodeError(error.message)
    throw error
  }
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const decodeBytes: Decoder = (value, context) => {
  if (typeof value !== 'string') throw context.mismatch(value, '[]uint8')
  if (base64.test(value)) return value
  const text = value.replace(/[\r\n]/g, '')
  if (base64.test(text)) return text
  const bad = /[^A-Za-z0-9+/]/.exec(text)
  throw new DecodeError(`illegal base64 data at input byte ${bad?.index ?? text.length - (text.length % 4)}`)
}

const timeDecoder =
  (canonical: (text: string) => string | undefined, layout: string): Decoder =>
  (value) => {
    if (typeof value !== 'string') {
      throw new DecodeError(`json: cannot unmarshal ${jsonKind(value)} into Go value of type string`)
    }
    const time = canonical(value)
    if (time === undefined) throw new DecodeError(timeProblem(value, layout))
    return time
  }

const isInt32 = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= minInt32 && value <= maxInt32

const decodeIntOrString: Decoder = (value, context) => {
  if (typeof value === 'string') return value
  if (isInt32(value) && context.oddNumber() === undefined) return value
  const shown = jsonKind(value, 'int32', context.oddNumber())
  throw new DecodeError(`json: cannot unmarshal ${shown} into Go value of type int32`)
}

export const scalarDecoders: Readonly<Record<ScalarType, Decoder>> = {
  string: (value, context) => {
    if (typeof value === 'string') return value
    throw context.mismatch(value, 'string')
  },
  boolean: (value, context) => {
    if (typeof value === 'boolean') return value
    throw context.mismatch(value, 'bool')
  },
  // For Go `1.0` and `1e0` are no integers.
  int32: (value, context) => {
    if (isInt32(value) && context.oddNumber() === undefined) return value
    throw context.mismatch(value, 'int32')
  },
  int64: (value, context) => {
    if ((Number.isSafeInteger(value) || typeof value === 'bigint') && context.oddNumber() === undefined) return value
    throw context.mismatch(value, 'int64')
  },
  double: (value, context) => {
    if (typeof value === 'number') return value
    if (typeof value === 'bigint') return Number(value)
    throw context.mismatch(value, 'float64')
  },
  bytes: decodeBytes,
  quantity: decodeQuantity,
  time: timeDecoder(canonicalTime, '2006-01-02T15:04:05Z07:00'),
  microTime: timeDecoder(canonicalMicroTime, '2006-01-02T15:04:05.000000Z07:00'),
  intOrString: decodeIntOrString,
}

/** What Go's zero value of an element of a list or map is in JSON: null decodes to it. */
export const zeroScalars: Readonly<Record<ScalarType, unknown>> = {
  string: '',
  boolean: false,
  int32: 0,
  int64: 0,
  double: 0,
  bytes: null,
  quantity: '0',
  time: null,
  microTime: null,
  intOrString: 0,
}
