/**
 * A document of version 2 as one of version 3, for aggregated servers that have only the older. Pure.
 * Upstream: kube-openapi's openapiconv.ConvertV2ToV3
 */

type JsonObject = Record<string, unknown>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textsOf = (value: unknown): string[] => listOf(value).filter((item): item is string => typeof item === 'string')

/** A copy whose references lead to where version 3 has schemas. */
const withReferences = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withReferences)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string'
        ? inner.replace('#/definitions/', '#/components/schemas/')
        : withReferences(inner),
    ]),
  )
}

const contentOf = (types: readonly string[], schema: unknown): JsonObject =>
  Object.fromEntries((types.length === 0 ? ['application/json'] : types).map((type) => [type, { schema }]))

/** What version 2 says beside the name of a parameter version 3 says in a schema. */
const outside = new Set(['name', 'in', 'description', 'required', 'allowEmptyValue'])

const parameterOf = (parameter: JsonObject): JsonObject => {
  const entries = Object.entries(parameter)
  return {
    ...Object.fromEntries(entries.filter(([key]) => outside.has(key))),
    schema: Object.fromEntries(entries.filter(([key]) => !outside.has(key))),
  }
}

/** Parameters, with those that are only referred to put in. */
const parametersOf = (value: unknown, shared: JsonObject): JsonObject[] =>
  listOf(value)
    .filter(isObject)
    .map((parameter) => {
      const { $ref: reference } = parameter
      if (typeof reference !== 'string') return parameter
      return objectOf(shared[reference.replace('#/parameters/', '')])
    })

const operationOf = (operation: JsonObject, document: JsonObject): JsonObject => {
  const { parameters, consumes, produces, responses, schemes: _schemes, ...rest } = operation
  const all = parametersOf(parameters, objectOf(document['parameters']))
  const body = all.find((parameter) => parameter['in'] === 'body')
  const others = all.filter((parameter) => parameter !== body).map(parameterOf)
  const types = textsOf(produces ?? document['produces'])
  return {
    ...rest,
    ...(others.length === 0 ? {} : { parameters: others }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            content: contentOf(textsOf(consumes ?? document['consumes']), withReferences(body['schema'])),
            ...(body['required'] === true ? { required: true } : {}),
          },
        }),
    responses: Object.fromEntries(
      Object.entries(objectOf(responses)).map(([code, response]) => {
        const { schema, description = '', ...more } = objectOf(response)
        const content = schema === undefined ? {} : { content: contentOf(types, withReferences(schema)) }
        return [code, { description, ...more, ...content }]
      }),
    ),
  }
}

const methods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch'])

const pathItemOf = (item: JsonObject, document: JsonObject): JsonObject => {
  const shared = parametersOf(item['parameters'], objectOf(document['parameters'])).map(parameterOf)
  const operations = Object.entries(item)
    .filter(([method]) => methods.has(method))
    .map(([method, operation]) => [method, operationOf(objectOf(operation), document)])
  return { ...Object.fromEntries(operations), ...(shared.length === 0 ? {} : { parameters: shared }) }
}

/** Of the paths at and below `prefix`. */
export const openApiV3FromV2 = (document: JsonObject, prefix: string): JsonObject => ({
  openapi: '3.0.0',
  info: objectOf(document['info']),
  paths: Object.fromEntries(
    Object.entries(objectOf(document['paths']))
      .filter(([path]) => path === prefix || path.startsWith(`${prefix}/`))
      .map(([path, item]) => [path, pathItemOf(objectOf(item), document)]),
  ),
  components: {
    schemas: objectOf(withReferences(objectOf(document['definitions']))),
    securitySchemes: objectOf(document['securityDefinitions']),
  },
})
