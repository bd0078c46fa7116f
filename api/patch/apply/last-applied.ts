/**
 * What `kubectl apply --server-side` owes objects that client-side apply made: their annotation says what was applied,
 * so that these fields are no conflict, and it is kept up to date. Only for the manager "kubectl".
 * Upstream: lastAppliedManager and lastAppliedUpdater.
 */
import type { Schema } from '../../schema/schema.ts'
import type { KubeObject } from '../../types.ts'
import { difference, emptySet, type FieldSet } from './field-set.ts'
import { compare, fieldSetOf } from './typed-sets.ts'
import { checkTyped } from './typed-check.ts'
import { isJsonObject } from './typed-value.ts'

const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
export const clientSideApplier = 'kubectl'

const lastAppliedOf = (object: KubeObject): string => object.metadata?.annotations?.[annotation] ?? ''

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Fields that client-side apply set and that still are as it set them; none where the annotation does not fit. */
export const lastAppliedFields = (schema: Schema, live: KubeObject, apiVersion: string): FieldSet => {
  const applied = parse(lastAppliedOf(live))
  if (!isJsonObject(applied) || applied.apiVersion !== apiVersion) return emptySet
  if (checkTyped(schema, applied).length > 0) return emptySet
  const { added, modified, removed } = compare(schema, applied, live)
  return [modified, added, removed].reduce(difference, fieldSetOf(schema, applied))
}

/** Names in order, as Go writes maps. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}

const goEscapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** The object with its annotation, if it has one, made to say what is applied now. */
export const withLastApplied = (object: KubeObject, applied: KubeObject): KubeObject => {
  if (lastAppliedOf(object) === '') return object
  const { [annotation]: _, ...annotations } = applied.metadata?.annotations ?? {}
  const said = { ...applied, metadata: { ...applied.metadata, annotations } }
  if (Object.keys(annotations).length === 0) delete (said.metadata as { annotations?: unknown }).annotations
  const text = JSON.stringify(sorted(said)).replace(/[<>&\u2028\u2029]/g, (character) => goEscapes[character] ?? '')
  const metadata = {
    ...object.metadata,
    annotations: { ...object.metadata?.annotations, [annotation]: `${text}\n` },
  }
  return { ...object, metadata }
}
