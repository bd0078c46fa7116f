/** APIGroupDiscoveryList: all of discovery in two documents. Upstream: k8s.io/api/apidiscovery */
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { type AggregatedApis, servedGroups } from './groups.ts'
import { resourcesOf } from './legacy.ts'

interface GroupVersion {
  readonly group: string
  readonly version: string
}

/** Group and version stand only where they differ from those of the list, as in APIResource. */
const responseKind = (kind: string, { group, version } = { group: '', version: '' }) => ({ group, version, kind })

const foreign = (kind: GroupVersion, parent: GroupVersion): GroupVersion | undefined =>
  kind.group === parent.group && kind.version === parent.version ? undefined : kind

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)

const discoveryOf = ({ definition }: Resource) => ({
  resource: definition.plural,
  responseKind: responseKind(definition.kind),
  scope: definition.scope,
  singularResource: definition.singular,
  verbs: [...definition.verbs],
  ...(definition.shortNames.length === 0 ? {} : { shortNames: definition.shortNames }),
  ...(definition.categories.length === 0 ? {} : { categories: definition.categories }),
  ...(definition.subresources.length === 0
    ? {}
    : {
        subresources: definition.subresources.toSorted(byName).map(({ name, kind, verbs }) => ({
          subresource: name,
          responseKind:
            kind === undefined ? responseKind(definition.kind) : responseKind(kind.kind, foreign(kind, definition)),
          verbs: [...verbs],
        })),
      }),
})

/** `core` is the document of /api, the others are in that of /apis. */
export const groupDiscoveryList = (
  resources: Resources,
  apis: AggregatedApis,
  core: boolean,
  version: 'v2' | 'v2beta1',
) => {
  const remotes = new Map(apis.remotes().map((remote) => [`${remote.group}/${remote.version}`, remote]))
  const versionOf = (group: string, groupVersion: string) => {
    const remote = remotes.get(`${group}/${groupVersion}`)
    if (remote !== undefined) return apis.discoveryOf(remote)
    const own = resourcesOf(resources, group, groupVersion).map(discoveryOf)
    return { version: groupVersion, resources: own, freshness: 'Current' }
  }
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: servedGroups(resources, apis, 'group')
      .filter(({ name }) => (name === '') === core)
      .map(({ name, versions }) => ({
        metadata: name === '' ? {} : { name },
        versions: versions.map((groupVersion) => versionOf(name, groupVersion)),
      })),
  }
}
