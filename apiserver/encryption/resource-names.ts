/** Names of resources in an EncryptionConfiguration. Upstream: validateResourceNames, schema.ParseGroupResource */
import { type FieldError, invalid } from '../../api/meta/field-error.ts'

export interface ResourceName {
  readonly group: string
  readonly resource: string
}

/** `deployments.apps` taken apart at its first dot. */
export const parseResourceName = (text: string): ResourceName => {
  const dot = text.indexOf('.')
  return dot < 0 ? { group: '', resource: text } : { resource: text.slice(0, dot), group: text.slice(dot + 1) }
}

/** As a configuration file writes it. */
export const resourceNameText = ({ group, resource }: ResourceName): string => {
  if (group === '' && resource === '*') return '*.'
  return group === '' ? resource : `${resource}.${group}`
}

/** Upstream's allocators, which no API serves. */
const withoutApi = new Set(['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'])

const nameProblem = (text: string): string | undefined => {
  if (text !== text.toLowerCase()) return 'resource name should not contain capital letters'
  if (text === '*') {
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
  }
  if (withoutApi.has(text)) return 'resources which do not have REST API/s cannot be encrypted'
  const { group, resource } = parseResourceName(text)
  if (group === 'events.k8s.io') {
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
  }
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption"
  return group === '*' && resource !== '*' ? 'encrypting the same resource across groups is not supported' : undefined
}

export const resourceNameErrors = (names: readonly string[], path: string): FieldError[] =>
  names.flatMap((name, index) => {
    const problem = nameProblem(name)
    return problem === undefined ? [] : [invalid(`${path}[${index}]`, name, problem)]
  })

/** Within one list nothing may be named twice, by its name or by a wildcard that holds it. */
export const resourceOverlapErrors = (names: readonly string[], path: string): FieldError[] => {
  const parsed = names.map(parseResourceName)
  const pairs = parsed.flatMap((a, index) => parsed.slice(index + 1).map((b) => [a, b] as const))
  const same = (a: ResourceName, b: ResourceName) => a.group === b.group && a.resource === b.resource
  const isAny = ({ group, resource }: ResourceName) => group === '*' && resource === '*'
  const covers = (a: ResourceName, b: ResourceName) =>
    isAny(a) || isAny(b) || (a.group === b.group && (a.resource === '*' || b.resource === '*'))
  const errors: FieldError[] = []
  if (pairs.some(([a, b]) => same(a, b))) {
    errors.push(invalid(path, names, 'the same resource cannot be specified multiple times'))
  }
  if (pairs.some(([a, b]) => !same(a, b) && covers(a, b))) {
    const why =
      "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"
    errors.push(invalid(path, names, why))
  }
  return errors
}
