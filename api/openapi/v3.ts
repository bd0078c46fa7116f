/** OpenAPI v3 as the API server publishes it: an index, and one document for each group and version. */
import { createHash } from 'node:crypto'
import { type ResourceRow, resourceRows } from '../schema/resource-table.ts'
import { collectReferences, definition, type JsonObject } from './definitions.ts'
import { type Descriptions, noDescriptions } from './descriptions.ts'
import type { Operation, PathItem } from './operations.ts'
import { groupVersionPathItem, resourcePaths } from './paths.ts'
import type { Parameter } from './parameters.ts'

export interface OpenApiOptions {
  /** Texts; without them kinds and fields have none. */
  readonly descriptions?: Descriptions
  /** The resources to describe; all built-in ones by default. */
  readonly resources?: readonly ResourceRow[]
}

export interface GroupVersionHash {
  readonly group: string
  readonly version: string
  /** Any text that changes when the document does. */
  readonly hash: string
}

const groupVersionKey = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`

/** `/openapi/v3`: where each group and version's document is. Clients cache for ever by the hash in its URL. */
export const openApiV3Index = (groups: readonly GroupVersionHash[]): JsonObject => ({
  paths: Object.fromEntries(
    groups.map(({ group, version, hash }) => {
      const key = groupVersionKey(group, version)
      return [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${encodeURIComponent(hash)}` }]
    }),
  ),
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
export const usedDefinitions = (items: readonly PathItem[]): readonly string[] => {
  const names = new Set<string>()
  for (const { operations } of items) {
    for (const { body, responses } of operations) {
      if (body !== undefined) collectReferences(body.definition, names)
      for (const answer of Object.values(responses)) if (answer !== 'string') collectReferences(answer, names)
    }
  }
  return [...names].sort()
}

/** `/openapi/v3/apis/<group>/<version>`, or undefined where nothing of that group and version is served. */
export const openApiV3Document = (
  group: string,
  version: string,
  options: OpenApiOptions = {},
): JsonObject | undefined => {
  const { descriptions = noDescriptions, resources = resourceRows() } = options
  const rows = resources.filter((row) => row.group === group && row.version === version)
  if (rows.length === 0) return undefined
  const items = [groupVersionPathItem(group, version), ...rows.flatMap(resourcePaths)]
  const kinds = usedDefinitions(items)
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries(items.map((item) => [item.path, pathItem(item)])),
    components: {
      schemas: Object.fromEntries(kinds.map((name) => [name, definition(name, 'v3', descriptions)])),
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
