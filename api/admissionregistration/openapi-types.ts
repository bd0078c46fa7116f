/**
 * The types that expressions see of a kind, from the OpenAPI document (v3) of its group and version.
 * Upstream: apiserver/pkg/cel/openapi and its resolver
 */
import { typesOf } from '../apiextensions/structural/cel-values.ts'
import { type JsonSchema, structuralOf } from '../apiextensions/structural/structural.ts'
import type { SchemaTypes } from '../cel/environment.ts'

export interface Gvk {
  readonly group: string
  readonly version: string
  readonly kind: string
}

type Node = Readonly<Record<string, unknown>>

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value)
const nodeOf = (value: unknown): Node => (isNode(value) ? value : {})

const prefix = '#/components/schemas/'

/** A reference; one with a description stands in allOf. */
const referenceOf = (schema: Node): string | undefined => {
  const ref = schema['$ref']
  if (typeof ref === 'string') return ref.slice(prefix.length)
  const all = schema['allOf']
  return Array.isArray(all)
    ? all
        .filter(isNode)
        .map(referenceOf)
        .find((found) => found !== undefined)
    : undefined
}

/** Values without references. Where one is inside itself it is an object of which nothing is known. */
const resolved = (schema: Node, schemas: Node, around: readonly string[]): Node => {
  const ref = referenceOf(schema)
  if (ref !== undefined && around.includes(ref)) return { type: 'object' }
  const target = ref === undefined ? schema : nodeOf(schemas[ref])
  const inside = ref === undefined ? around : [...around, ref]
  const part = (value: unknown): unknown => (isNode(value) ? resolved(value, schemas, inside) : value)
  const { properties, additionalProperties, items } = target
  return {
    ...target,
    // Built-in types say it by their format, custom ones by the extension.
    ...(target['format'] === 'int-or-string' ? { 'x-kubernetes-int-or-string': true } : {}),
    ...(isNode(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, part(value)])) }
      : {}),
    ...(additionalProperties === undefined ? {} : { additionalProperties: part(additionalProperties) }),
    ...(items === undefined ? {} : { items: part(items) }),
  }
}

const isOf = (schema: unknown, { group, version, kind }: Gvk): boolean => {
  const gvks = nodeOf(schema)['x-kubernetes-group-version-kind']
  return (
    Array.isArray(gvks) &&
    gvks.filter(isNode).some((gvk) => gvk['group'] === group && gvk['version'] === version && gvk['kind'] === kind)
  )
}

/** Undefined where the document does not describe the kind. `name` is what messages call the value. */
export const typesOfKind = (document: unknown, gvk: Gvk, name: string): SchemaTypes | undefined => {
  const schemas = nodeOf(nodeOf(nodeOf(document)['components'])['schemas'])
  const found = Object.entries(schemas).find(([, schema]) => isOf(schema, gvk))
  if (found === undefined) return undefined
  const [definition, schema] = found
  return typesOf(structuralOf(resolved(nodeOf(schema), schemas, [definition]) as JsonSchema), false, name)
}
