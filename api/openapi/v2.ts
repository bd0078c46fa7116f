/** OpenAPI v2 (`/openapi/v2`): one document for all that is served. Older kubectl, and clients that generate code. */
import { customDefinitions, customReferences, customRow } from './custom.ts'
import { resourceRows } from '../schema/resource-table.ts'
import { definition, type JsonObject } from './definitions.ts'
import { noDescriptions } from './descriptions.ts'
import type { Operation, PathItem } from './operations.ts'
import { groupVersionPathItem, resourcePaths, rootPathItems } from './paths.ts'
import { type Parameter, sharedBodies } from './parameters.ts'
import { type OpenApiOptions, usedDefinitions } from './v3.ts'

const inlineParameter = ({ name, in: place, type, description }: Parameter): JsonObject => ({
  uniqueItems: true,
  type,
  description,
  name,
  in: place,
  ...(place === 'path' ? { required: true } : {}),
})

/** Shared parameters are referred to, but for those that kubectl looks for in place. */
const parameter = (parameter: Parameter): JsonObject =>
  parameter.shared === undefined ? inlineParameter(parameter) : { $ref: `#/parameters/${parameter.shared}` }

const schemaOf = (answer: string): JsonObject =>
  answer === 'string' ? { type: 'string' } : { $ref: `#/definitions/${answer}` }

const responseTexts: Readonly<Record<string, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

type Body = NonNullable<Operation['body']>

const inlineBody = ({ definition, required }: Body): JsonObject => ({
  name: 'body',
  in: 'body',
  ...(required ? { required: true } : {}),
  schema: schemaOf(definition),
})

const bodyParameter = (body: Body): JsonObject => {
  const name = sharedBodies.get(body.definition)
  return name === undefined ? inlineBody(body) : { $ref: `#/parameters/${name}` }
}

const parametersOf = (op: Operation): JsonObject[] => [
  ...(op.body === undefined ? [] : [bodyParameter(op.body)]),
  ...op.parameters.map(parameter),
]

/** All parameters and bodies that operations refer to, by their shared names. */
const sharedParameters = (items: readonly PathItem[]): JsonObject => {
  const found = new Map<string, JsonObject>()
  for (const { parameters, operations } of items) {
    for (const used of [...parameters, ...operations.flatMap((op) => op.parameters)]) {
      if (used.shared !== undefined) found.set(used.shared, inlineParameter(used))
    }
    for (const { body } of operations) {
      const name = body === undefined ? undefined : sharedBodies.get(body.definition)
      if (body !== undefined && name !== undefined) found.set(name, inlineBody(body))
    }
  }
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const operation = (op: Operation): JsonObject => {
  const parameters = parametersOf(op)
  const consumes = op.body?.consumes ?? op.consumes
  return {
    description: op.description,
    ...(consumes === undefined ? {} : { consumes }),
    produces: op.produces,
    schemes: ['https'],
    tags: [op.tag],
    operationId: op.operationId,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      ...Object.fromEntries(
        Object.entries(op.responses).map(([code, answer]) => [
          code,
          { description: responseTexts[code] ?? '', schema: schemaOf(answer) },
        ]),
      ),
      401: { description: 'Unauthorized' },
    },
    ...(op.action === undefined ? {} : { 'x-kubernetes-action': op.action }),
    ...(op.gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': op.gvk }),
  }
}

const pathItem = (item: PathItem): JsonObject => ({
  ...Object.fromEntries(item.operations.map((op) => [op.method, operation(op)])),
  ...(item.parameters.length === 0 ? {} : { parameters: item.parameters.map(parameter) }),
})

/** The whole document. Some 400 paths: build it once, off the path of requests. */
export const openApiV2Document = (options: OpenApiOptions = {}): JsonObject => {
  const { descriptions = noDescriptions, custom = [] } = options
  const resources = [...(options.resources ?? resourceRows()), ...custom.map(customRow)]
  const own = customDefinitions(custom, 'v2')
  const groupVersions = new Map(resources.map((row) => [`${row.group}/${row.version}`, row]))
  const items = [
    ...rootPathItems([...new Set(resources.map(({ group }) => group))]).values(),
    ...[...groupVersions.values()].map(({ group, version }) => groupVersionPathItem(group, version)),
    ...resources.flatMap(resourcePaths),
  ]
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries(items.map((item) => [item.path, pathItem(item)])),
    definitions: Object.fromEntries(
      usedDefinitions(items, own.size === 0 ? [] : customReferences).map((name) => [
        name,
        own.get(name) ?? definition(name, 'v2', descriptions),
      ]),
    ),
    parameters: sharedParameters(items),
    securityDefinitions: {
      BearerToken: { type: 'apiKey', description: 'Bearer Token authentication', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  }
}
