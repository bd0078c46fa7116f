/**
 * Structural schemas: what pruning, defaulting, apply and CEL read of a CustomResourceDefinition's schema.
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema
 */
import type { CustomResourceDefinition } from '../../types.ts'

export type JsonSchema = NonNullable<
  NonNullable<CustomResourceDefinition['spec']['versions'][number]['schema']>['openAPIV3Schema']
>

export interface Structural {
  readonly type: string
  readonly nullable: boolean
  readonly intOrString: boolean
  readonly preserveUnknown: boolean
  /** A whole object with kind, apiVersion and metadata. */
  readonly embedded: boolean
  readonly default: unknown
  readonly properties: ReadonlyMap<string, Structural>
  /** What other keys hold; true is anything. */
  readonly additional: Structural | boolean
  readonly items: Structural | undefined
  readonly listType: string | undefined
  readonly listMapKeys: readonly string[]
  readonly mapType: string | undefined
  /** As it was written: for value validation. */
  readonly schema: JsonSchema
}

/** The generated types name extensions and reserved words with underscores. */
const otherSpellings = new Map<string, readonly [string, string]>()
const raw = (schema: JsonSchema, name: string): unknown => {
  const fields = schema as Readonly<Record<string, unknown>>
  if (fields[name] !== undefined) return fields[name]
  let others = otherSpellings.get(name)
  if (others === undefined) otherSpellings.set(name, (others = [name.replaceAll('-', '_'), `_${name}`]))
  return fields[others[0]] ?? fields[others[1]]
}
const textOf = (schema: JsonSchema, name: string): string | undefined => {
  const value = raw(schema, name)
  return typeof value === 'string' ? value : undefined
}

export const extension = raw

export const structuralOf = (schema: JsonSchema): Structural => {
  const { additionalProperties: additional, items } = schema as {
    additionalProperties?: JsonSchema | boolean
    items?: JsonSchema
  }
  const listMapKeys = raw(schema, 'x-kubernetes-list-map-keys')
  return {
    type: schema.type ?? '',
    nullable: schema.nullable === true,
    intOrString: raw(schema, 'x-kubernetes-int-or-string') === true,
    preserveUnknown: raw(schema, 'x-kubernetes-preserve-unknown-fields') === true,
    embedded: raw(schema, 'x-kubernetes-embedded-resource') === true,
    default: raw(schema, 'default'),
    properties: new Map(Object.entries(schema.properties ?? {}).map(([name, part]) => [name, structuralOf(part)])),
    additional: typeof additional === 'object' ? structuralOf(additional) : additional === true,
    items: items === undefined ? undefined : structuralOf(items),
    listType: textOf(schema, 'x-kubernetes-list-type'),
    listMapKeys: Array.isArray(listMapKeys) ? (listMapKeys as string[]) : [],
    mapType: textOf(schema, 'x-kubernetes-map-type'),
    schema,
  }
}

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a key of an object holds, where the schema says so. */
export const partOf = ({ properties, additional }: Structural, key: string): Structural | undefined =>
  properties.get(key) ?? (typeof additional === 'object' ? additional : undefined)
