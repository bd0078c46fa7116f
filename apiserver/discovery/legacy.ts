/** /api, /apis, /apis/<group>, /api/v1 and /apis/<group>/<version>: the documents that old clients walk. */
import { createHash } from 'node:crypto'
import type { ApiGroup } from '../../api/kinds.ts'
import type { KindDefinition } from '../../api/kind.ts'
import { apiVersionOf, type Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'

interface Index {
  readonly generation: number
  readonly byVersion: ReadonlyMap<string, readonly Resource[]>
}

const indexes = new WeakMap<Resources, Index>()

/** Derived once from each set of resources: with hundreds of definitions, clients ask far oftener than it changes. */
const indexOf = (resources: Resources): Index => {
  const known = indexes.get(resources)
  if (known?.generation === resources.generation) return known
  const byVersion = Map.groupBy(resources.all(), ({ definition }) => apiVersionOf(definition))
  for (const list of byVersion.values()) list.sort((a, b) => (a.definition.plural < b.definition.plural ? -1 : 1))
  const index = { generation: resources.generation, byVersion }
  indexes.set(resources, index)
  return index
}

export const apiVersions = (serverAddress: string) => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
})

const groupVersion = (name: string, version: string) => ({ groupVersion: `${name}/${version}`, version })

export const apiGroup = ({ name, versions, preferredVersion }: ApiGroup) => ({
  name,
  versions: versions.map((version) => groupVersion(name, version)),
  preferredVersion: groupVersion(name, preferredVersion),
})

export const apiGroupList = (groups: readonly ApiGroup[]) => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.filter(({ name }) => name !== '').map(apiGroup),
})

const optional = <T extends Record<string, unknown>>(values: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  ) as Partial<T>

/** Tells a storage version migrator whether what is stored may be of another version. Upstream: StorageVersionHash. */
const storageVersionHash = ({ group, version, kind }: { group: string; version: string; kind: string }): string =>
  createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')

const isStored = ({ virtual, verbs }: KindDefinition): boolean => virtual !== true && verbs.includes('watch')

const resourceEntries = ({ definition, stored }: Resource) => {
  const namespaced = definition.scope === 'Namespaced'
  return [
    {
      name: definition.plural,
      singularName: definition.singular,
      namespaced,
      kind: definition.kind,
      verbs: [...definition.verbs],
      ...optional({ shortNames: definition.shortNames, categories: definition.categories }),
      ...(isStored(definition) ? { storageVersionHash: storageVersionHash(stored) } : {}),
    },
    ...definition.subresources.map(({ name, kind, verbs }) => ({
      name: `${definition.plural}/${name}`,
      singularName: '',
      namespaced,
      ...(kind === undefined
        ? {}
        : optional({ group: kind.group || undefined, version: kind.group === '' ? undefined : kind.version })),
      kind: kind?.kind ?? definition.kind,
      verbs: [...verbs],
    })),
  ]
}

/** By name. */
export const resourcesOf = (resources: Resources, group: string, version: string): readonly Resource[] =>
  indexOf(resources).byVersion.get(apiVersionOf({ group, version })) ?? []

export const apiResourceList = (resources: Resources, group: string, version: string) => ({
  kind: 'APIResourceList',
  ...(group === '' ? {} : { apiVersion: 'v1' }),
  groupVersion: apiVersionOf({ group, version }),
  resources: resourcesOf(resources, group, version)
    .flatMap(resourceEntries)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
})
