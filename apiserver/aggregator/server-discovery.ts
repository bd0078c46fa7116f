/**
 * Resources as an aggregated server tells of them, in either form, as our own document has them. Only what has the right
 * type is taken: no server may spoil a document that all clients read. Pure.
 */

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The text at a path of names, or ''. */
export const textOf = (value: unknown, ...path: readonly string[]): string => {
  let at = value
  for (const name of path) at = isObject(at) ? at[name] : undefined
  return typeof at === 'string' ? at : ''
}

const textsOf = (value: unknown): string[] => listOf(value).filter((item): item is string => typeof item === 'string')

interface GroupVersion {
  readonly group: string
  readonly version: string
}

interface ResponseKind extends GroupVersion {
  readonly kind: string
}

/** APISubresourceDiscovery. */
export interface SubresourceDiscovery {
  readonly subresource: string
  readonly responseKind: ResponseKind
  readonly verbs: readonly string[]
}

/** APIResourceDiscovery. */
export interface ResourceDiscovery {
  readonly resource: string
  readonly responseKind: ResponseKind
  readonly scope: 'Namespaced' | 'Cluster'
  readonly singularResource: string
  readonly verbs: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly subresources?: readonly SubresourceDiscovery[]
}

const kindOf = (value: unknown, parent: GroupVersion = { group: '', version: '' }): ResponseKind => ({
  group: textOf(value, 'group') || parent.group,
  version: textOf(value, 'version') || parent.version,
  kind: textOf(value, 'kind'),
})

const optional = (resource: JsonObject, name: 'shortNames' | 'categories') => {
  const texts = textsOf(resource[name])
  return texts.length === 0 ? {} : { [name]: texts }
}

/** Of an entry of APIGroupDiscoveryList. */
export const resourcesOfAggregated = (resources: readonly unknown[]): readonly ResourceDiscovery[] =>
  resources.filter(isObject).map((resource) => {
    const subresources = listOf(resource['subresources']).map((one) => ({
      subresource: textOf(one, 'subresource'),
      responseKind: kindOf(isObject(one) ? one['responseKind'] : undefined),
      verbs: textsOf(isObject(one) ? one['verbs'] : undefined),
    }))
    return {
      resource: textOf(resource, 'resource'),
      responseKind: kindOf(resource['responseKind']),
      scope: resource['scope'] === 'Namespaced' ? 'Namespaced' : 'Cluster',
      singularResource: textOf(resource, 'singularResource'),
      verbs: textsOf(resource['verbs']),
      ...optional(resource, 'shortNames'),
      ...optional(resource, 'categories'),
      ...(subresources.length === 0 ? {} : { subresources }),
    }
  })

/** Of an APIResourceList, as older servers have it. Upstream: endpoints.ConvertGroupVersionIntoToDiscovery. */
export const resourcesOfLegacy = (document: JsonObject, parent: GroupVersion): readonly ResourceDiscovery[] => {
  const all = listOf(document['resources']).filter(isObject)
  const partsOf = (owner: string): SubresourceDiscovery[] =>
    all
      .map((resource) => [textOf(resource, 'name').split('/'), resource] as const)
      .filter(([[name, part]]) => name === owner && part !== undefined)
      .map(([[, part = ''], resource]) => ({
        subresource: part,
        responseKind: kindOf(resource, parent),
        verbs: textsOf(resource['verbs']),
      }))
  return all
    .filter((resource) => !textOf(resource, 'name').includes('/'))
    .map((resource) => {
      const name = textOf(resource, 'name')
      const subresources = partsOf(name)
      return {
        resource: name,
        responseKind: kindOf(resource, parent),
        scope: resource['namespaced'] === true ? 'Namespaced' : 'Cluster',
        singularResource: textOf(resource, 'singularName'),
        verbs: textsOf(resource['verbs']),
        ...optional(resource, 'shortNames'),
        ...optional(resource, 'categories'),
        ...(subresources.length === 0 ? {} : { subresources }),
      }
    })
}
