/** APIGroupDiscoveryList: all of discovery in two documents. Upstream: k8s.io/api/apidiscovery */
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { resourcesOf, servedGroups } from './legacy.ts'

const gvk = ({ group, version, kind }: { group: string; version: string; kind: string }) => ({ group, version, kind })

const discoveryOf = ({ definition }: Resource) => ({
  resource: definition.plural,
  responseKind: gvk(definition),
  scope: definition.scope,
  singularResource: definition.singular,
  verbs: [...definition.verbs],
  ...(definition.shortNames.length === 0 ? {} : { shortNames: definition.shortNames }),
  ...(definition.categories.length === 0 ? {} : { categories: definition.categories }),
  ...(definition.subresources.length === 0
    ? {}
    : {
        subresources: definition.subresources.map(({ name, kind, verbs }) => ({
          subresource: name,
          responseKind: gvk(kind ?? definition),
          verbs: [...verbs],
        })),
      }),
})

/** `core` is the document of /api, the others are in that of /apis. */
export const groupDiscoveryList = (resources: Resources, core: boolean, version: 'v2' | 'v2beta1') => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: servedGroups(resources)
    .filter(({ name }) => (name === '') === core)
    .map(({ name, versions }) => ({
      metadata: { ...(name === '' ? {} : { name }), creationTimestamp: null },
      versions: versions.map((groupVersion) => ({
        version: groupVersion,
        resources: resourcesOf(resources, name, groupVersion).map(discoveryOf),
        freshness: 'Current',
      })),
    })),
})
