/**
 * What a conversion webhook may change: all but kind, name, namespace and uid; of metadata its labels and annotations
 * alone. Pure. Upstream: validateConvertedObject and restoreObjectMeta of apiextensions-apiserver's conversion.
 */
import { errorSummary } from '../../../api/meta/field-error.ts'
import { validateAnnotations, validateLabels } from '../../../api/meta/validate-metadata.ts'
import type { KubeObject } from '../../../api/types.ts'

type JsonObject = Record<string, unknown>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Go's name of the type that JSON becomes. */
const goType = (value: unknown): string => {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Two of the same identity; the words of what differs, or undefined. */
const identityProblem = (original: KubeObject, converted: JsonObject): string | undefined => {
  const metadata = isObject(converted['metadata']) ? converted['metadata'] : {}
  const pairs: readonly [string, string, string][] = [
    ['kind', textOf(original.kind), textOf(converted['kind'])],
    ['name', original.metadata?.name ?? '', textOf(metadata['name'])],
    ['namespace', original.metadata?.namespace ?? '', textOf(metadata['namespace'])],
    ['UID', original.metadata?.uid ?? '', textOf(metadata['uid'])],
  ]
  const differing = pairs.find(([, expected, got]) => expected !== got)
  return differing === undefined ? undefined : `must have the same ${differing[0]}: ${differing[1]} != ${differing[2]}`
}

export class InvalidConversionError extends Error {}

/** Labels or annotations as the webhook wants them; throws the words of what is wrong. */
const convertedMap = (
  field: 'labels' | 'annotations',
  wanted: JsonObject,
  original: Readonly<Record<string, string>>,
): Record<string, string> => {
  for (const [key, value] of Object.entries(wanted)) {
    if (typeof value === 'string') continue
    throw new InvalidConversionError(
      `metadata.${field}[${key}] must be a string, but is ${goType(value)} in converted object`,
    )
  }
  const map = wanted as Record<string, string>
  const keys = Object.keys(map)
  const same = keys.length === Object.keys(original).length && keys.every((key) => original[key] === map[key])
  if (same) return map
  const errors =
    field === 'labels' ? validateLabels(map, 'metadata.labels') : validateAnnotations(map, 'metadata.annotation')
  if (errors.length > 0) throw new InvalidConversionError(errorSummary(errors))
  return map
}

/** The original's metadata with the labels and annotations of the converted object. */
const restoredMetadata = (original: KubeObject, converted: JsonObject): KubeObject['metadata'] => {
  const { metadata: given } = converted
  if (given === undefined) throw new InvalidConversionError('missing metadata in converted object')
  if (!isObject(given)) {
    throw new InvalidConversionError(`invalid metadata of type ${goType(given)} in converted object`)
  }
  const metadata: NonNullable<KubeObject['metadata']> = { ...original.metadata }
  for (const field of ['labels', 'annotations'] as const) {
    const wanted = given[field]
    if (wanted === undefined || wanted === null) {
      delete metadata[field]
      continue
    }
    if (!isObject(wanted)) {
      throw new InvalidConversionError(`invalid metadata.${field} of type ${goType(wanted)} in converted object`)
    }
    metadata[field] = convertedMap(field, wanted, original.metadata?.[field] ?? {})
  }
  return metadata
}

/** `stable.example.com/v1, Kind=Foo` */
export const describeKind = ({ apiVersion = '', kind = '' }: Pick<KubeObject, 'apiVersion' | 'kind'>): string =>
  `${apiVersion}, Kind=${kind}`

/**
 * The object to go on with, of what the webhook answered for `original`. Throws Error in upstream's words:
 * `conversion webhook for … returned invalid object …`.
 */
export const acceptConverted = (original: KubeObject, answered: unknown, apiVersion: string): KubeObject => {
  const prefix = `conversion webhook for ${describeKind(original)} returned invalid`
  const converted = isObject(answered) ? answered : {}
  if (converted['apiVersion'] !== apiVersion) {
    throw new InvalidConversionError(
      `${prefix} object at index 0: invalid groupVersion (expected ${apiVersion}, received ${textOf(converted['apiVersion'])})`,
    )
  }
  if (converted['kind'] !== original.kind) {
    throw new InvalidConversionError(
      `${prefix} object at index 0: invalid kind (expected ${original.kind}, received ${textOf(converted['kind'])})`,
    )
  }
  const problem = identityProblem(original, converted)
  if (problem !== undefined) throw new InvalidConversionError(`${prefix} object: ${problem}`)
  try {
    return { ...converted, metadata: restoredMetadata(original, converted) as object } as KubeObject
  } catch (error) {
    if (!(error instanceof InvalidConversionError)) throw error
    throw new InvalidConversionError(`${prefix} metadata: ${error.message}`)
  }
}
