/** Custom resources in OpenAPI. Upstream: apiextensions-apiserver/pkg/controller/openapi/builder */
import type { CustomKindFacts } from '../kind.ts'
import type { ResourceRow } from '../schema/resource-table.ts'
import type { JsonObject, OpenApiVersion } from './definitions.ts'

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'
/** What definitions of custom resources refer to. */
export const customReferences = [`${meta}.ObjectMeta`, `${meta}.ListMeta`]

/** `com.example.stable.v1.CronTab`. */
export const customDefinitionName = ({
  group,
  version,
  kind,
}: {
  group: string
  version: string
  kind: string
}): string => `${group.split('.').toReversed().join('.')}.${version}.${kind}`

const refTo = (name: string, version: OpenApiVersion): JsonObject => ({
  $ref: version === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}`,
})

const apiVersion = {
  description:
    'Version of the schema that this representation has. More: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  type: 'string',
}
const kindProperty = {
  description:
    'Name of the REST resource that this object represents. More: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  type: 'string',
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const notInV2 = [
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'default',
  'nullable',
  'x-kubernetes-validations',
  'externalDocs',
  'example',
]

/** A schema as version 2 can say it: what it cannot say is left open. Upstream: ToStructuralOpenAPIV2. */
const forV2 = (schema: JsonObject): JsonObject => {
  const open =
    schema['nullable'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    schema['x-kubernetes-int-or-string'] === true
  const dropped = open ? [...notInV2, 'type', 'items', 'properties', 'additionalProperties', 'required'] : notInV2
  const kept = Object.entries(schema).filter(([name]) => !dropped.includes(name))
  return Object.fromEntries(
    kept.map(([name, value]) => {
      if (name === 'properties' && isObject(value)) {
        return [
          name,
          Object.fromEntries(Object.entries(value).map(([field, part]) => [field, forV2(part as JsonObject)])),
        ]
      }
      const nested = (name === 'items' || name === 'additionalProperties') && isObject(value)
      return [name, nested ? forV2(value) : value]
    }),
  )
}

const objectDefinition = (
  { group, version: apiGroupVersion, kind, schema }: CustomKindFacts,
  version: OpenApiVersion,
) => {
  const own = schema as JsonObject
  const shown = version === 'v2' ? forV2({ ...own, 'x-kubernetes-preserve-unknown-fields': undefined }) : own
  const metadata = refTo(`${meta}.ObjectMeta`, version)
  return {
    ...shown,
    ...(own['x-kubernetes-preserve-unknown-fields'] === true ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    type: 'object',
    properties: {
      ...(isObject(shown['properties']) ? shown['properties'] : {}),
      apiVersion,
      kind: kindProperty,
      metadata: version === 'v2' ? metadata : { allOf: [metadata], default: {} },
    },
    'x-kubernetes-group-version-kind': [{ group, kind, version: apiGroupVersion }],
  } as unknown as JsonObject
}

const listDefinition = (facts: CustomKindFacts, version: OpenApiVersion): JsonObject => ({
  description: `${facts.listKind} is a list of ${facts.kind}`,
  type: 'object',
  required: ['items'],
  properties: {
    apiVersion,
    items: {
      description: `List of ${facts.plural}.`,
      type: 'array',
      items: refTo(customDefinitionName(facts), version),
    },
    kind: kindProperty,
    metadata: refTo(`${meta}.ListMeta`, version),
  },
  'x-kubernetes-group-version-kind': [{ group: facts.group, kind: facts.listKind, version: facts.version }],
})

/** Definitions of custom resources and of their lists, by name. */
export const customDefinitions = (
  kinds: readonly CustomKindFacts[],
  version: OpenApiVersion,
): ReadonlyMap<string, JsonObject> =>
  new Map(
    kinds.flatMap((facts): [string, JsonObject][] => [
      [customDefinitionName(facts), objectDefinition(facts, version)],
      [customDefinitionName({ ...facts, kind: `${facts.kind}List` }), listDefinition(facts, version)],
    ]),
  )

/** The resource as its paths are made from. */
export const customRow = ({
  group,
  version,
  plural,
  kind,
  namespaced,
  verbs,
  subresources,
}: CustomKindFacts): ResourceRow => ({
  group,
  version,
  plural,
  kind,
  namespaced,
  verbs,
  subresources: subresources.map((name) =>
    name === 'scale'
      ? { name, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }
      : { name, group, version, kind, verbs: ['get', 'patch', 'update'] },
  ),
})
