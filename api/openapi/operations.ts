/**
 * Operations on resources, in a form that both OpenAPI versions are written from.
 * Names are those of upstream's generated document.
 */
import { customDefinitionName } from './custom.ts'
import type { ResourceRow, SubresourceRow } from '../schema/resource-table.ts'
import { definitionNameFor } from '../schema/schema.ts'
import {
  createParameters,
  deleteCollectionParameters,
  deleteParameters,
  type Parameter,
  patchParameters,
  updateParameters,
} from './parameters.ts'

export const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

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
  /** What a request without a body may have as its Content-Type; left out where nothing is said of it. */
  readonly consumes?: readonly string[]
  readonly produces: readonly string[]
  /** HTTP code to definition; 'string' is plain text. */
  readonly responses: Readonly<Record<string, string>>
}

export interface PathItem {
  readonly path: string
  readonly parameters: readonly Parameter[]
  readonly operations: readonly Operation[]
}

export const objectTypes = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/cbor',
]
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
/** Custom resources have no tags to merge by, and are text alone. */
const customPatchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml']
const customTypes = ['application/json', 'application/yaml']
export const anyType = ['*/*']
export const discoveryTypes = objectTypes.slice(0, 3)

export const capitalized = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

/** `RbacAuthorization` of `rbac.authorization.k8s.io`, `Core` of ''. */
export const groupTitle = (group: string): string =>
  group === ''
    ? 'Core'
    : group
        .replace(/\.k8s\.io$/, '')
        .split('.')
        .map(capitalized)
        .join('')

export const groupTag = (group: string): string => groupTitle(group).replace(/^./, (first) => first.toLowerCase())

export interface Naming {
  readonly row: ResourceRow
  readonly base: string
  readonly title: string
  readonly tag: string
  readonly scope: string
}

export const namingOf = (row: ResourceRow): Naming => ({
  row,
  base: row.group === '' ? `/api/${row.version}` : `/apis/${row.group}/${row.version}`,
  title: `${groupTitle(row.group)}${capitalized(row.version)}`,
  tag: `${groupTag(row.group)}_${row.version}`,
  scope: row.namespaced ? 'Namespaced' : '',
})

const definitionOf = ({ group, version, kind }: { group: string; version: string; kind: string }): string =>
  definitionNameFor(group, version, kind) ?? customDefinitionName({ group, version, kind })

const isCustom = ({ group, version, kind }: ResourceRow): boolean =>
  definitionNameFor(group, version, kind) === undefined

/** What answers are in: `types`, but for custom resources. */
const typesFor = ({ row }: Naming, types: readonly string[]): readonly string[] => (isCustom(row) ? customTypes : types)

const common = (naming: Naming, gvk: { group: string; version: string; kind: string } = naming.row) => ({
  tag: naming.tag,
  gvk: { group: gvk.group, version: gvk.version, kind: gvk.kind },
})

export const readOperation = (
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
  consumes: anyType,
  produces: typesFor(naming, objectTypes),
  responses: { 200: definitionOf(kind) },
})

export const writeOperation = (
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
    produces: typesFor(naming, objectTypes),
    responses: { 200: definition, 201: definition, ...(create ? { 202: definition } : {}) },
  }
}

export const patchOperation = (
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
  body: { definition: `${meta}.Patch`, required: true, consumes: isCustom(naming.row) ? customPatchTypes : patchTypes },
  produces: typesFor(naming, objectTypes),
  responses: { 200: definitionOf(kind), 201: definitionOf(kind) },
})

export const deleteOperation = (naming: Naming): Operation => {
  const answer = naming.row.deleteReturnsObject === true ? definitionOf(naming.row) : `${meta}.Status`
  return {
    ...common(naming),
    method: 'delete',
    operationId: `delete${naming.title}${naming.scope}${naming.row.kind}`,
    description: `delete the specified ${naming.row.kind}`,
    action: 'delete',
    parameters: deleteParameters,
    body: { definition: `${meta}.DeleteOptions`, required: false, consumes: anyType },
    produces: typesFor(naming, objectTypes),
    responses: { 200: answer, 202: answer },
  }
}

export const listOperation = (naming: Naming, operationId: string, parameters: readonly Parameter[]): Operation => ({
  ...common(naming),
  method: 'get',
  operationId,
  description: `list or watch objects of kind ${naming.row.kind}`,
  action: 'list',
  parameters,
  consumes: anyType,
  produces: typesFor(naming, listTypes),
  responses: { 200: definitionOf({ ...naming.row, kind: `${naming.row.kind}List` }) },
})

export const deleteCollectionOperation = (naming: Naming): Operation => ({
  ...common(naming),
  method: 'delete',
  operationId: `delete${naming.title}Collection${naming.scope}${naming.row.kind}`,
  description: `delete collection of ${naming.row.kind}`,
  action: 'deletecollection',
  parameters: deleteCollectionParameters,
  body: { definition: `${meta}.DeleteOptions`, required: false, consumes: anyType },
  produces: typesFor(naming, objectTypes),
  responses: { 200: `${meta}.Status` },
})

export const watchOperation = (naming: Naming, operationId: string, one: boolean): Operation => ({
  ...common(naming),
  method: 'get',
  operationId,
  description: `watch ${one ? `changes to an object of kind ${naming.row.kind}` : `individual changes to a list of ${naming.row.kind}`}. Deprecated: use the 'watch' parameter with a list operation instead.`,
  action: one ? 'watch' : 'watchlist',
  parameters: [],
  consumes: anyType,
  produces: typesFor(naming, listTypes),
  responses: { 200: `${meta}.WatchEvent` },
})

export const connectOperation = (naming: Naming, sub: SubresourceRow, method: string, suffix: string): Operation => ({
  ...common(naming, sub),
  method: method as HttpMethod,
  operationId: `connect${naming.title}${capitalized(method)}${naming.scope}${naming.row.kind}${capitalized(sub.name)}${suffix}`,
  description: `connect ${method.toUpperCase()} requests to ${sub.name} of ${naming.row.kind}`,
  action: 'connect',
  parameters: [],
  consumes: anyType,
  produces: anyType,
  responses: { 200: 'string' },
})
