/** OpenAPI v3 as the API server publishes it: an index, and one document for each group and version. */
import { createHash } from 'node:crypto'
import type { CustomKindFacts } from '../kind.ts'
import { type ResourceRow, resourceRows } from '../schema/resource-table.ts'
import { customDefinitions, customReferences, customRow } from './custom.ts'
import { collectReferences, definition, type JsonObject } from './definitions.ts'
import { type Descriptions, noDescriptions } from './descriptions.ts'
import type { Operation, PathItem } from './operations.ts'
import { groupVersionPathItem, resourcePaths, rootPathItems } from './paths.ts'
import type { Parameter } from './parameters.ts'

export interface OpenApiOptions {
  /** Texts; without them kinds and fields have none. */
  readonly descriptions?: Descriptions
  /** The resources to describe; all built-in ones by default. */
  readonly resources?: readonly ResourceRow[]
  /** Custom resources beside them. */
  readonly custom?: readonly CustomKindFacts[]
}

/** `api/v1`, `apis/apps/v1`: what the document of a group and version is called. */
const groupVersionKey = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`

/** Names of all documents, in order: each group and version has one, and so has each path that belongs to none. */
export const openApiV3Keys = (resources: readonly ResourceRow[]): readonly string[] =>
  [...new Set([...rootPathItems(groupsOf(resources)).keys(), ...resources.map(groupVersionKey)])].toSorted()

const groupsOf = (resources: readonly ResourceRow[]): string[] => [...new Set(resources.map(({ group }) => group))]

/** Where a document is; clients cache it for ever by the hash in its URL. */
export const openApiV3Url = (key: string, hash: string): string => `/openapi/v3/${key}?hash=${encodeURIComponent(hash)}`

/** `/openapi/v3`: where each document is. `hashOf` gives any text that changes when the document does. */
export const openApiV3Index = (keys: readonly string[], hashOf: (key: string) => string): JsonObject => ({
  paths: Object.fromEntries(keys.map((key) => [key, { serverRelativeURL: openApiV3Url(key, hashOf(key)) }])),
})

/** Hash of a document's bytes in upstream's form, for the index and the ETag. */
export const openApiHash = (document: string | Uint8Array): string =>
  createHash('sha512').update(document).digest('hex').toUpperCase()

const parameter = ({ name, in: place, type, description }: Parameter): JsonObject => ({
  name,
  in: place,
  description,
  ...(place === 'path' ? { required: true } : {}),
  schema: { type, uniqueItems: true },
})

const schemaOf = (answer: string): JsonObject =>
  answer === 'string' ? { type: 'string' } : { $ref: `#/components/schemas/${answer}` }

const responseTexts: Readonly<Record<string, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

const content = (types: readonly string[], schema: JsonObject): JsonObject =>
  Object.fromEntries(types.map((type) => [type, { schema }]))

const operation = (op: Operation): JsonObject => ({
  tags: [op.tag],
  description: op.description,
  operationId: op.operationId,
  ...(op.parameters.length === 0 ? {} : { parameters: op.parameters.map(parameter) }),
  ...(op.body === undefined
    ? {}
    : {
        requestBody: {
          content: content(op.body.consumes, schemaOf(op.body.definition)),
          ...(op.body.required ? { required: true } : {}),
        },
      }),
  responses: {
    ...Object.fromEntries(
      Object.entries(op.responses).map(([code, answer]) => [
        code,
        { description: responseTexts[code] ?? '', content: content(op.produces, schemaOf(answer)) },
      ]),
    ),
    401: { description: 'Unauthorized' },
  },
  ...(op.action === undefined ? {} : { 'x-kubernetes-action': op.action }),
  ...(op.gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': op.gvk }),
})

const pathItem = (item: PathItem): JsonObject => ({
  ...Object.fromEntries(item.operations.map((op) => [op.method, operation(op)])),
  ...(item.parameters.length === 0 ? {} : { parameters: item.parameters.map(parameter) }),
})

/** Names of all definitions that operations use, directly or not, in order. */
export const usedDefinitions = (items: readonly PathItem[], more: readonly string[] = []): readonly string[] => {
  const names = new Set<string>()
  for (const name of more) collectReferences(name, names)
  for (const { operations } of items) {
    for (const { body, responses } of operations) {
      if (body !== undefined) collectReferences(body.definition, names)
      for (const answer of Object.values(responses)) if (answer !== 'string') collectReferences(answer, names)
    }
  }
  return [...names].sort()
}

const itemsOf = (key: string, resources: readonly ResourceRow[]): readonly PathItem[] => {
  const root = rootPathItems(groupsOf(resources)).get(key)
  if (root !== undefined) return [root]
  const rows = resources.filter((row) => groupVersionKey(row) === key)
  const [first] = rows
  return first === undefined ? [] : [groupVersionPathItem(first.group, first.version), ...rows.flatMap(resourcePaths)]
}

/** `/openapi/v3/<key>`, or undefined where nothing of that name is served. */
export const openApiV3Document = (key: string, options: OpenApiOptions = {}): JsonObject | undefined => {
  const { descriptions = noDescriptions, resources = resourceRows(), custom = [] } = options
  const items = itemsOf(key, [...resources, ...custom.map(customRow)])
  if (items.length === 0) return undefined
  const own = customDefinitions(
    custom.filter((kind) => groupVersionKey(kind) === key),
    'v3',
  )
  const kinds = usedDefinitions(items, own.size === 0 ? [] : customReferences)
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries(items.map((item) => [item.path, pathItem(item)])),
    components: {
      schemas: Object.fromEntries(kinds.map((name) => [name, own.get(name) ?? definition(name, 'v3', descriptions)])),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
    security: [{ BearerToken: [] }],
  }
}
