/** APIResourceList, as servers without aggregated discovery have it, in the shape of APIGroupDiscoveryList. Pure. */

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

interface GroupVersion {
  readonly group: string
  readonly version: string
}

const responseKind = (resource: unknown, { group, version }: GroupVersion): JsonObject => {
  const given = { group: textOf(resource, 'group') || group, version: textOf(resource, 'version') || version }
  return { ...given, kind: textOf(resource, 'kind') }
}

const optional = (resource: JsonObject, name: string): JsonObject =>
  listOf(resource[name]).length === 0 ? {} : { [name]: resource[name] }

/** Upstream: endpoints.ConvertGroupVersionIntoToDiscovery. */
export const resourcesOfLegacy = (document: JsonObject, parent: GroupVersion): readonly unknown[] => {
  const found = new Map<string, JsonObject & { subresources?: JsonObject[] }>()
  const all = listOf(document['resources']).filter(isObject)
  for (const resource of all) {
    const name = textOf(resource, 'name')
    if (name.includes('/')) continue
    found.set(name, {
      resource: name,
      responseKind: responseKind(resource, parent),
      scope: resource['namespaced'] === true ? 'Namespaced' : 'Cluster',
      singularResource: textOf(resource, 'singularName'),
      verbs: listOf(resource['verbs']),
      ...optional(resource, 'shortNames'),
      ...optional(resource, 'categories'),
    })
  }
  for (const resource of all) {
    const [name = '', subresource] = textOf(resource, 'name').split('/', 2)
    if (subresource === undefined) continue
    const owner = found.get(name)
    if (owner === undefined) continue
    const kind = responseKind(resource, parent)
    owner.subresources = [
      ...(owner.subresources ?? []),
      { subresource, responseKind: kind, verbs: listOf(resource['verbs']) },
    ]
  }
  return [...found.values()]
}
