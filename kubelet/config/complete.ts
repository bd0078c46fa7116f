/** From what files and flags say to a whole KubeletConfiguration: types, unknown fields, defaults. Pure. */
import { parseGoDuration } from '../../component-base/flags/duration.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { defaultEvictionHard } from '../eviction/thresholds.ts'
import { type Document, isRecord } from './drop-ins.ts'
import { configFields, type Field, type FieldType, zeroIsValue } from './fields.ts'

export interface Completed {
  /** Every field that has a value, by path. */
  readonly values: ReadonlyMap<string, unknown>
  /** Of no such field: told, and passed over, as upstream's lenient decoder does. */
  readonly unknown: readonly string[]
  /** Fields that say something and have no effect here, with the reason. */
  readonly moot: readonly { readonly field: string; readonly why: string }[]
}

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

const goTypes: Readonly<Record<FieldType, string>> = {
  string: 'string',
  bool: 'bool',
  int: 'int32',
  float: 'float64',
  duration: 'string',
  strings: '[]string',
  map: 'map[string]string',
  bools: 'map[string]bool',
  object: 'struct',
  objects: '[]struct',
}

const allAre = (values: readonly unknown[], type: 'string' | 'boolean'): boolean =>
  // YAML reads `cpu: 1` as a number; upstream's decoder takes it for a text only where it is quoted.
  values.every((value) => typeof value === type || (type === 'string' && typeof value === 'number'))

const fits = (type: FieldType, value: unknown): boolean => {
  switch (type) {
    case 'string':
    case 'duration':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'int':
      return Number.isInteger(value)
    case 'float':
      return typeof value === 'number'
    case 'strings':
      return Array.isArray(value) && allAre(value, 'string')
    case 'map':
      return isRecord(value) && allAre(Object.values(value), 'string')
    case 'bools':
      return isRecord(value) && allAre(Object.values(value), 'boolean')
    case 'object':
      return isRecord(value)
    case 'objects':
      return Array.isArray(value)
  }
}

/** Throws UsageError in the words of Go's decoder. */
const checked = (path: string, { type }: Field, value: unknown): unknown => {
  if (!fits(type, value)) {
    throw new UsageError(
      `json: cannot unmarshal ${kindOf(value)} into Go struct field KubeletConfiguration.${path} of type ${goTypes[type]}`,
    )
  }
  if (type === 'duration' && typeof value === 'string') {
    const ms = parseGoDuration(value)
    if (typeof ms === 'string') throw new UsageError(`${path}: ${ms}`)
  }
  if (type === 'map') {
    return Object.fromEntries(Object.entries(value as Document).map(([key, text]) => [key, String(text)]))
  }
  return value
}

const isZero = (value: unknown): boolean =>
  value === '' ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'string' && parseGoDuration(value) === 0)

/** Leaves of the document that are fields, and paths that are none. */
const flatten = (document: Document, prefix = ''): { fields: [string, unknown][]; unknown: string[] } => {
  const fields: [string, unknown][] = []
  const unknown: string[] = []
  for (const [key, value] of Object.entries(document)) {
    const path = prefix + key
    if (configFields.has(path)) {
      if (value !== null) fields.push([path, value])
    } else if (isRecord(value) && [...configFields.keys()].some((known) => known.startsWith(`${path}.`))) {
      const inner = flatten(value, `${path}.`)
      fields.push(...inner.fields)
      unknown.push(...inner.unknown)
    } else if (value !== null) unknown.push(path)
  }
  return { fields, unknown }
}

/** What depends on more than its own field. Upstream: SetDefaults_KubeletConfiguration, loadConfigFile. */
const dependentDefaults = (values: Map<string, unknown>, isSet: (path: string) => boolean): void => {
  if (isSet('nodeStatusUpdateFrequency') && !isSet('nodeStatusReportFrequency')) {
    values.set('nodeStatusReportFrequency', values.get('nodeStatusUpdateFrequency'))
  }
  if (Number(values.get('podPidsLimit')) < 0) values.set('podPidsLimit', -1)
  if (isSet('maxParallelImagePulls') && !isSet('serializeImagePulls')) {
    values.set('serializeImagePulls', Number(values.get('maxParallelImagePulls')) < 2)
  } else if (values.get('serializeImagePulls') === true && !isSet('maxParallelImagePulls')) {
    values.delete('maxParallelImagePulls')
  }
  const hard = values.get('evictionHard') as Readonly<Record<string, string>> | undefined
  const merges = values.get('mergeDefaultEvictionSettings') === true
  if (hard === undefined) values.set('evictionHard', defaultEvictionHard)
  else if (merges) values.set('evictionHard', { ...defaultEvictionHard, ...hard })
}

/** `flags`: values by path, which stand as they are, zeros too. Throws UsageError for a wrong type. */
export const completeConfiguration = (document: Document, flags: ReadonlyMap<string, unknown>): Completed => {
  const { fields, unknown } = flatten(document)
  const given = new Map(fields)
  const values = new Map<string, unknown>()
  const moot: { field: string; why: string }[] = []
  const isSet = (path: string): boolean => {
    const value = given.get(path)
    return value !== undefined && (zeroIsValue.has(path) || !isZero(value))
  }
  for (const [path, field] of configFields) {
    const value = isSet(path) ? checked(path, field, given.get(path)) : field.default
    if (given.has(path)) checked(path, field, given.get(path))
    if (value !== undefined) values.set(path, value)
  }
  dependentDefaults(values, isSet)
  for (const [path, value] of flags) values.set(path, value)
  for (const [path, { default: initial, effect }] of configFields) {
    const said = given.has(path) || flags.has(path)
    if (effect.type !== 'moot' || !said || JSON.stringify(values.get(path)) === JSON.stringify(initial)) continue
    moot.push({ field: path, why: effect.why })
  }
  return { values, unknown, moot }
}

const saysNothing = (value: unknown): boolean =>
  value === undefined || value === false || isZero(value) || (isRecord(value) && Object.keys(value).length === 0)

/** Of the fields whose value is fixed here, those that say something else: a sentence each. */
export const refusedFields = (values: ReadonlyMap<string, unknown>): string[] =>
  [...configFields].flatMap(([path, { default: initial, effect }]) => {
    const value = values.get(path)
    if (effect.type !== 'fixed' || (initial === undefined && saysNothing(value))) return []
    if (JSON.stringify(value) === JSON.stringify(initial)) return []
    return [`${path}: ${JSON.stringify(value)} is not implemented by kubets: ${effect.why}`]
  })

/** The configuration as an object, as /configz shows it. */
export const toDocument = (values: ReadonlyMap<string, unknown>): Record<string, unknown> => {
  const document: Record<string, unknown> = {}
  for (const [path, value] of values) {
    const parts = path.split('.')
    const last = parts.pop() ?? ''
    let place = document
    for (const part of parts) {
      const inner = place[part]
      const next: Record<string, unknown> = isRecord(inner) ? inner : {}
      place[part] = next
      place = next
    }
    place[last] = value
  }
  return document
}
