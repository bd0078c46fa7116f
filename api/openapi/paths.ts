/** Paths of resources with their operations, by rule; the same paths as in upstream's generated document. */
import type { ResourceRow, SubresourceRow } from '../schema/resource-table.ts'
import {
  capitalized,
  connectOperation,
  deleteCollectionOperation,
  deleteOperation,
  discoveryTypes,
  groupTag,
  groupTitle,
  listOperation,
  meta,
  type Naming,
  namingOf,
  objectTypes,
  type Operation,
  patchOperation,
  type PathItem,
  readOperation,
  watchOperation,
  writeOperation,
} from './operations.ts'
import {
  byName,
  listParameters,
  nameParameter,
  namespaceParameter,
  pathParameter,
  pretty,
  subresourceParameter,
} from './parameters.ts'

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

const subresourcePaths = (naming: Naming, sub: SubresourceRow, objectPath: PathItem): PathItem[] => {
  const path = `${objectPath.path}/${sub.name}`
  const owner = `${naming.row.plural}/${sub.name}`
  const query = Object.entries(sub.query ?? {}).map(([name, type]) => subresourceParameter(owner, name, type))
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
  return paths.filter(({ operations }) => operations.length > 0).map(withCommonParameters)
}

/** What all operations of a path have is said once, at the path. */
const withCommonParameters = ({ path, parameters, operations }: PathItem): PathItem => {
  const [first, ...others] = operations
  const common = (first?.parameters ?? []).filter((parameter) =>
    others.every((operation) => operation.parameters.includes(parameter)),
  )
  return {
    path,
    parameters: [...parameters, ...common].toSorted(byName),
    operations: operations.map((operation) => ({
      ...operation,
      parameters: operation.parameters.filter((parameter) => !common.includes(parameter)),
    })),
  }
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
      consumes: types,
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

/** `/apis/<group>/`: the versions of a group. */
const groupPathItem = (group: string): PathItem =>
  discoveryPath(`/apis/${group}/`, `get${groupTitle(group)}APIGroup`, groupTag(group), 'APIGroup')

/** A document about service account tokens: text to OpenAPI. */
const issuerPath = (path: string, operationId: string, tag: string, type: string): PathItem => ({
  path,
  parameters: [],
  operations: [
    {
      method: 'get',
      operationId,
      description: 'by which others verify the tokens of service accounts',
      tag,
      parameters: [],
      produces: [type],
      responses: { 200: 'string' },
    },
  ],
})

/** Paths that belong to no group and version, by the name that OpenAPI v3 gives their document. */
export const rootPathItems = (groups: readonly string[]): ReadonlyMap<string, PathItem> =>
  new Map([
    ['api', discoveryPath('/api/', 'getCoreAPIVersions', 'core', 'APIVersions')],
    ['apis', discoveryPath('/apis/', 'getAPIVersions', 'apis', 'APIGroupList')],
    ...groups.filter((group) => group !== '').map((group) => [`apis/${group}`, groupPathItem(group)] as const),
    [
      '.well-known/openid-configuration',
      issuerPath(
        '/.well-known/openid-configuration/',
        'getServiceAccountIssuerOpenIDConfiguration',
        'WellKnown',
        'application/json',
      ),
    ],
    [
      'openid/v1/jwks',
      issuerPath('/openid/v1/jwks/', 'getServiceAccountIssuerOpenIDKeyset', 'openid', 'application/jwk-set+json'),
    ],
    [
      'version',
      discoveryPath('/version/', 'getCodeVersion', 'version', 'io.k8s.apimachinery.pkg.version.Info', [
        'application/json',
      ]),
    ],
  ])
