/** Resources, their scope, verbs and subresources, read from the paths of the OpenAPI document. */
import {
  isGaVersion,
  isOptionalResource,
  type OpenApiDocument,
  type OpenApiOperation,
  type OpenApiParameter,
  refName,
} from './openapi-facts.ts'
import type { ResourceRow, SubresourceRow } from './table-format.ts'

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const
const verbOfAction = new Map([
  ['get', 'get'],
  ['list', 'list'],
  ['post', 'create'],
  ['put', 'update'],
  ['patch', 'patch'],
  ['delete', 'delete'],
  ['deletecollection', 'deletecollection'],
])
/** Parameters that every operation of their kind has; the builders know them. */
const commonQuery = new Set(['pretty', 'dryRun', 'fieldManager', 'fieldValidation', 'force'])

interface Draft {
  group: string
  version: string
  plural: string
  kind: string
  namespaced: boolean
  verbs: Set<string>
  deleteReturnsObject: boolean
  subresources: Map<string, SubresourceRow>
}

const pathPattern =
  /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>v\d+(?:(?:alpha|beta)\d+)?)\/(?<watch>watch\/)?(?:namespaces\/\{namespace\}\/)?(?<plural>[^/{]+)(?:\/\{name\}(?:\/(?<subresource>[^/]+)(?<withPath>\/\{path\})?)?)?$/

export const resourceTable = (openapi: OpenApiDocument): readonly ResourceRow[] => {
  const drafts = new Map<string, Draft>()
  const parameterOf = (parameter: OpenApiParameter): OpenApiParameter =>
    parameter.$ref === undefined ? parameter : (openapi.parameters[refName(parameter.$ref)] ?? {})

  const queryOf = (parameters: readonly OpenApiParameter[]): Record<string, string> =>
    Object.fromEntries(
      parameters
        .map(parameterOf)
        .filter(({ in: place, name }) => place === 'query' && !commonQuery.has(name ?? ''))
        .map(({ name, type }) => [name ?? '', type ?? 'string']),
    )

  for (const [path, operations] of Object.entries(openapi.paths)) {
    const parts = pathPattern.exec(path)?.groups
    if (parts === undefined) continue
    const { group = '', version = '', plural = '', subresource, watch, withPath } = parts
    const present = methods.flatMap((method): [string, OpenApiOperation][] => {
      const operation = operations[method]
      return operation === undefined ? [] : [[method, operation]]
    })
    const first = present[0]?.[1]['x-kubernetes-group-version-kind']
    if (first === undefined) continue
    if (!isGaVersion(version) && !isOptionalResource(group, version, first.kind)) continue
    const key = `${group}/${version}/${plural}`
    const draft = drafts.get(key) ?? {
      group,
      version,
      plural,
      kind: '',
      namespaced: false,
      verbs: new Set<string>(),
      deleteReturnsObject: false,
      subresources: new Map<string, SubresourceRow>(),
    }
    drafts.set(key, draft)
    // `/api/v1/namespaces/{namespace}/…` are objects in a namespace, `/api/v1/namespaces/{name}` is a Namespace.
    if (path.includes('/namespaces/{namespace}/')) draft.namespaced = true
    if (watch !== undefined) {
      draft.verbs.add('watch')
      continue
    }
    if (subresource === undefined) {
      draft.kind = first.kind
      const deleted = operations.delete
      if (deleted?.['x-kubernetes-action'] === 'delete') {
        draft.deleteReturnsObject = !(deleted.responses?.['200']?.schema?.$ref ?? '').endsWith('.meta.v1.Status')
      }
      for (const [, operation] of present) {
        const verb = verbOfAction.get(operation['x-kubernetes-action'] ?? '')
        if (verb !== undefined) draft.verbs.add(verb)
      }
      continue
    }
    if (withPath !== undefined) {
      const without = draft.subresources.get(subresource)
      if (without !== undefined) draft.subresources.set(subresource, { ...without, withPath: true })
      continue
    }
    const connect = present[0]?.[1]['x-kubernetes-action'] === 'connect'
    const query = queryOf([...(operations.parameters ?? []), ...(connect ? (present[0]?.[1].parameters ?? []) : [])])
    const kindOf = present[0]?.[1]['x-kubernetes-group-version-kind'] ?? first
    draft.subresources.set(subresource, {
      name: subresource,
      group: kindOf.group,
      version: kindOf.version,
      kind: kindOf.kind,
      verbs: connect
        ? present.map(([method]) => method)
        : present.map(([, operation]) => verbOfAction.get(operation['x-kubernetes-action'] ?? '') ?? '').sort(),
      ...(connect ? { connect: true as const } : {}),
      ...(Object.keys(query).length === 0 ? {} : { query }),
    })
  }
  return [...drafts.values()].map(({ deleteReturnsObject, ...draft }) => ({
    ...draft,
    ...(deleteReturnsObject ? { deleteReturnsObject } : {}),
    verbs: [...draft.verbs].sort(),
    subresources: [...draft.subresources.values()],
  }))
}
