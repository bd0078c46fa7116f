/** Objects of a kind as upstream would have them in the store, and so in every answer. */
import { canonicalObject, storedForm, writtenForm } from '../../api/codec/canonical.ts'
import { eachElement, eachValue } from '../../api/codec/sorted-keys.ts'
import type { KindDefinition } from '../../api/kind.ts'
import { schemaFor } from '../../api/schema/schema.ts'
import type { KubeObject } from '../../api/types.ts'

/** Groups whose objects upstream stores as JSON, whatever --storage-media-type says. */
const storedAsJson = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io'])

/** Upstream keeps custom resources as maps, which Go writes with sorted keys. */
const inOrder = (value: unknown): unknown => {
  if (Array.isArray(value)) return eachElement(value, inOrder)
  return typeof value === 'object' && value !== null ? eachValue(value as Record<string, unknown>, inOrder) : value
}

/** The object as it is after it was stored; itself if it is so already. Kinds without schema stay as they are. */
export const canonicalStored = ({ group, version, kind, custom }: KindDefinition, object: KubeObject): KubeObject => {
  if (custom !== undefined) return inOrder(object) as KubeObject
  const schema = schemaFor(group, version, kind)
  if (schema === undefined) return object
  return canonicalObject(schema, object, storedAsJson.has(group) ? writtenForm : storedForm)
}

/** An answer that is no stored object, by the kind that it says it has. */
export const canonicalAnswer = (value: object): object => {
  const { kind, apiVersion } = value as KubeObject
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return value
  const slash = apiVersion.indexOf('/')
  const schema = schemaFor(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind)
  return schema === undefined ? value : canonicalObject(schema, value, writtenForm)
}
