/**
 * Paths and operations of resources, by rule, in a form that both OpenAPI versions are written from.
 * Names and paths are those of upstream's generated document.
 */
import type { ResourceRow, SubresourceRow } from '../schema/resource-table.ts'
import { definitionNameFor } from '../schema/schema.ts'
import {
  createParameters,
  deleteCollectionParameters,
  deleteParameters,
  listParameters,
  nameParameter,
  namespaceParameter,
  type Parameter,
  patchParameters,
  pathParameter,
  pretty,
  subresourceParameter,
  updateParameters,
} from './parameters.ts'

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

export type HttpMethod = 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch'

export interface Operation {
  readonly method: HttpMethod
  readonly operationId: string
  readonly description: string
  readonly tag: string
  readonly action?: string
  readonly gvk?: { readonly group: string; readonly version: string; readonly kind: string }
  readonly parameters: readonly Parameter[]
  /** Definition of the body; media types where they are not `*\/*`. */
  readonly body?: { readonly definition: string; readonly required: boolean; readonly consumes: readonly string[] }
  readonly produces: readonly string[]
  /** HTTP code to definition; 'string' is plain text. */
  readonly responses: Readonly<Record<string, string>>
}

export interface PathItem {
  readonly path: string
  readonly parameters: readonly Parameter[]
  readonly operations: readonly Operation[]
}

const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/cbor']
const streamTypes = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
  'application/cbor-seq',
]
const listTypes = [...objectTypes, ...streamTypes]
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'application/apply-patch+cbor',
]
const anyType = ['*/*']
const discoveryTypes = objectTypes.slice(0, 3)

const capitalized = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

/** `RbacAuthorization` of `rbac.authorization.k8s.io`, `Core` of ''. */
const groupTitle = (group: string): string =>
  group === ''
    ? 'Core'
    : group
        .replace(/\.k8s\.io$/, '')
        .split('.')
        .map(capitalized)
        .join('')

const groupTag = (group: string): string => groupTitle(group).replace(/^./, (first) => first.toLowerCase())

interface Naming {
  readonly row: ResourceRow
  readonly base: string
  readonly title: string
  readonly tag: string
  readonly scope: string
}

const namingOf = (row: ResourceRow): Naming => ({
  row,
  base: row.group === '' ? `/api/${row.version}` : `/apis/${row.group}/${row.version}`,
  title: `${groupTitle(row.group)}${capitalized(row.version)}`,
  tag: `${groupTag(row.group)}_${row.version}`,
  scope: row.namespaced ? 'Namespaced' : '',
})

const definitionOf = ({ group, version, kind }: { group: string; version: string; kind: string }): string =>
  definitionNameFor(group, version, kind) ?? ''

const common = (naming: Naming, gvk: { group: string; version: string; kind: string } = naming.row) => ({
  tag: naming.tag,
  gvk: { group: gvk.group, version: gvk.version, kind: gvk.kind },
})

const readOperation = (
  naming: Naming,
  name: string,
  kind: { group: string; version: string; kind: string },
): Operation => ({
  ...common(naming, kind),
  method: 'get',
  operationId: `read${naming.title}${naming.scope}${name}`,
  description: `read the specified ${kind.kind}`,
  action: 'get',
  parameters: [],
  produces: objectTypes,
  responses: { 200: definitionOf(kind) },
})

const writeOperation = (
  naming: Naming,
  verb: 'create' | 'update',
  name: string,
  kind: { group: string; version: string; kind: string },
): Operation => {
  const definition = definitionOf(kind)
  const create = verb === 'create'
  return {
    ...common(naming, kind),
    method: create ? 'post' : 'put',
    operationId: `${create ? 'create' : 'replace'}${naming.title}${naming.scope}${name}`,
    description: create ? `create a ${kind.kind}` : `replace the specified ${kind.kind}`,
    action: create ? 'post' : 'put',
    parameters: create ? createParameters : updateParameters,
    body: { definition, required: true, consumes: anyType },
    produces: objectTypes,
    responses: { 200: definition, 201: definition, ...(create ? { 202: definition } : {}) },
  }
}

const patchOperation = (
  naming: Naming,
  name: string,
  kind: { group: string; version: string; kind: string },
): Operation => ({
  ...common(naming, kind),
  method: 'patch',
  operationId: `patch${naming.title}${naming.scope}${name}`,
  description: `partially update the specified ${kind.kind}`,
  action: 'patch',
  parameters: patchParameters,
  body: { definition: `${meta}.Patch`, required: true, consumes: patchTypes },
  produces: objectTypes,
  responses: { 200: definitionOf(kind), 201: definitionOf(kind) },
})

const deleteOperation = (naming: Naming): Operation => {
  const answer = naming.row.deleteReturnsObject === true ? definitionOf(naming.row) : `${meta}.Status`
  return {
    ...common(naming),
    method: 'delete',
    operationId: `delete${naming.title}${naming.scope}${naming.row.kind}`,
    description: `delete the specified ${naming.row.kind}`,
    action: 'delete',
    parameters: deleteParameters,
    body: { definition: `${meta}.DeleteOptions`, required: false, consumes: anyType },
    produces: objectTypes,
    responses: { 200: answer, 202: answer },
  }
}

const listOperation = (naming: Naming, operationId: string, parameters: readonly Parameter[]): Operation => ({
  ...common(naming),
  method: 'get',
  operationId,
  description: `list or watch objects of kind ${naming.row.kind}`,
  action: 'list',
  parameters,
  produces: listTypes,
  responses: { 200: definitionOf({ ...naming.row, kind: `${naming.row.kind}List` }) },
})

const deleteCollectionOperation = (naming: Naming): Operation => ({
  ...common(naming),
  method: 'delete',
  operationId: `delete${naming.title}Collection${naming.scope}${naming.row.kind}`,
  description: `delete collection of ${naming.row.kind}`,
  action: 'deletecollection',
  parameters: deleteCollectionParameters,
  body: { definition: `${meta}.DeleteOptions`, required: false, consumes: anyType },
  produces: objectTypes,
  responses: { 200: `${meta}.Status` },
})

const watchOperation = (naming: Naming, operationId: string, one: boolean): Operation => ({
  ...common(naming),
  method: 'get',
  operationId,
  description: `watch ${one ? `changes to an object of kind ${naming.row.kind}` : `individual changes to a list of ${naming.row.kind}`}. Deprecated: use the 'watch' parameter with a list operation instead.`,
  action: one ? 'watch' : 'watchlist',
  parameters: [],
  produces: listTypes,
  responses: { 200: `${meta}.WatchEvent` },
})

const collectionPath = (naming: Naming): PathItem => {
  const { row, base, title, scope } = naming
  const operations: Operation[] = []
  if (row.verbs.includes('list'))
    operations.push(listOperation(naming, `list${title}${scope}${row.kind}`, listParameters))
  if (row.verbs.includes('create')) operations.push(writeOperation(naming, 'create', row.kind, row))
  if (row.verbs.includes('deletecollection')) operations.push(deleteCollectionOperation(naming))
  return {
    path: `${base}/${row.namespaced ? 'namespaces/{namespace}/' : ''}${row.plural}`,
    parameters: row.namespaced ? [namespaceParameter, pretty] : [pretty],
    operations,
  }
}

const objectOperations = (naming: Naming): Operation[] => {
  const { row } = naming
  const operations: Operation[] = []
  if (row.verbs.includes('get')) operations.push(readOperation(naming, row.kind, row))
  if (row.verbs.includes('update')) operations.push(writeOperation(naming, 'update', row.kind, row))
  if (row.verbs.includes('delete')) operations.push(deleteOperation(naming))
  if (row.verbs.includes('patch')) operations.push(patchOperation(naming, row.kind, row))
  return operations
}

const connectOperation = (naming: Naming, sub: SubresourceRow, method: string, suffix: string): Operation => ({
  ...common(naming, sub),
  method: method as HttpMethod,
  operationId: `connect${naming.title}${capitalized(method)}${naming.scope}${naming.row.kind}${capitalized(sub.name)}${suffix}`,
  description: `connect ${method.toUpperCase()} requests to ${sub.name} of ${naming.row.kind}`,
  action: 'connect',
  parameters: [],
  produces: anyType,
  responses: { 200: 'string' },
})

const subresourcePaths = (naming: Naming, sub: SubresourceRow, objectPath: PathItem): PathItem[] => {
  const path = `${objectPath.path}/${sub.name}`
  const query = Object.entries(sub.query ?? {}).map(([name, type]) => subresourceParameter(name, type))
  if (sub.connect === true) {
    const parameters = [...objectPath.parameters.filter((parameter) => parameter !== pretty), ...query]
    const plain = sub.verbs.map((method) => connectOperation(naming, sub, method, ''))
    if (sub.withPath !== true) return [{ path, parameters, operations: plain }]
    const below = sub.verbs.map((method) => connectOperation(naming, sub, method, 'WithPath'))
    return [
      { path, parameters, operations: plain },
      { path: `${path}/{path}`, parameters: [...parameters, pathParameter], operations: below },
    ]
  }
  const name = `${naming.row.kind}${capitalized(sub.name === 'ephemeralcontainers' ? 'Ephemeralcontainers' : sub.name)}`
  const operations = sub.verbs.map((verb): Operation => {
    if (verb === 'get') {
      const read = readOperation(naming, name, sub)
      return sub.name === 'log'
        ? { ...read, produces: ['text/plain', ...objectTypes], responses: { 200: 'string' } }
        : read
    }
    if (verb === 'patch') return patchOperation(naming, name, sub)
    return writeOperation(naming, verb === 'create' ? 'create' : 'update', name, sub)
  })
  return [{ path, parameters: [...objectPath.parameters, ...query], operations }]
}

const watchPaths = (naming: Naming, collection: PathItem, object: PathItem): PathItem[] => {
  const { row, base, title, scope } = naming
  const watched = (item: PathItem): string => item.path.replace(base, `${base}/watch`)
  const paths: PathItem[] = [
    {
      path: watched(collection),
      parameters: [...collection.parameters, ...listParameters],
      operations: [watchOperation(naming, `watch${title}${scope}${row.kind}List`, false)],
    },
    {
      path: watched(object),
      parameters: [...object.parameters, ...listParameters],
      operations: [watchOperation(naming, `watch${title}${scope}${row.kind}`, true)],
    },
  ]
  if (!row.namespaced) return paths
  return [
    ...paths,
    {
      path: `${base}/watch/${row.plural}`,
      parameters: [pretty, ...listParameters],
      operations: [watchOperation(naming, `watch${title}${row.kind}ListForAllNamespaces`, false)],
    },
  ]
}

/** All paths of one resource. */
export const resourcePaths = (row: ResourceRow): readonly PathItem[] => {
  const naming = namingOf(row)
  const collection = collectionPath(naming)
  const object: PathItem = {
    path: `${collection.path}/{name}`,
    parameters: [nameParameter(row.kind), ...collection.parameters],
    operations: objectOperations(naming),
  }
  const paths = [collection, object, ...row.subresources.flatMap((sub) => subresourcePaths(naming, sub, object))]
  if (row.namespaced && row.verbs.includes('list')) {
    const { title, base } = naming
    paths.push({
      path: `${base}/${row.plural}`,
      parameters: [pretty, ...listParameters],
      operations: [listOperation(naming, `list${title}${row.kind}ForAllNamespaces`, [])],
    })
  }
  if (row.verbs.includes('watch')) paths.push(...watchPaths(naming, collection, object))
  return paths.filter(({ operations }) => operations.length > 0)
}

const discoveryPath = (
  path: string,
  operationId: string,
  tag: string,
  kind: string,
  types = discoveryTypes,
): PathItem => ({
  path,
  parameters: [],
  operations: [
    {
      method: 'get',
      operationId,
      description: 'what is served below this path',
      tag,
      parameters: [],
      produces: types,
      responses: { 200: kind.includes('.') ? kind : `${meta}.${kind}` },
    },
  ],
})

/** `/apis/apps/v1/` and its like: the discovery document of a group and version. */
export const groupVersionPathItem = (group: string, version: string): PathItem => {
  const title = groupTitle(group)
  const path = group === '' ? `/api/${version}/` : `/apis/${group}/${version}/`
  return discoveryPath(
    path,
    `get${title}${capitalized(version)}APIResources`,
    `${groupTag(group)}_${version}`,
    'APIResourceList',
    objectTypes,
  )
}

/** `/api/`, `/apis/`, `/apis/<group>/` and `/version/`. */
export const rootPathItems = (groups: readonly string[]): readonly PathItem[] => [
  discoveryPath('/api/', 'getCoreAPIVersions', 'core', 'APIVersions'),
  discoveryPath('/apis/', 'getAPIVersions', 'apis', 'APIGroupList'),
  ...groups
    .filter((group) => group !== '')
    .map((group) => discoveryPath(`/apis/${group}/`, `get${groupTitle(group)}APIGroup`, groupTag(group), 'APIGroup')),
  discoveryPath('/version/', 'getCodeVersion', 'version', 'io.k8s.apimachinery.pkg.version.Info', ['application/json']),
]
