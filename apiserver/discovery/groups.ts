/** The groups and versions that clients are told of, in their order: this server's own and those of aggregated servers. */
import { type ApiGroup, aggregatorGroup, apiGroups, versionPriorityOf } from '../../api/kinds.ts'
import { compareVersions } from '../../api/meta/version-order.ts'
import type { GroupVersionEntry, RemoteService } from '../aggregator/remote-service.ts'
import type { VersionDiscovery } from '../aggregator/documents.ts'
import type { Resources } from '../registry/resources.ts'

/** What discovery needs of the aggregator. */
export interface AggregatedApis {
  /** Of all APIServices; another array whenever anything is different. */
  readonly entries: () => readonly GroupVersionEntry[]
  readonly remotes: () => readonly RemoteService[]
  readonly discoveryOf: (remote: RemoteService) => VersionDiscovery
}

/** Before all others: it has no APIService. */
const aggregatorPriority = 20_000
const customPriority = { group: 1000, version: 100 }

const groupPriorities = new Map(apiGroups.map(({ name, priority }) => [name, priority]))

const ownEntry = (group: string, version: string): GroupVersionEntry => {
  const priority = group === aggregatorGroup ? aggregatorPriority : groupPriorities.get(group)
  return {
    name: `${version}.${group}`,
    group,
    version,
    groupPriority: priority ?? customPriority.group,
    versionPriority: priority === undefined ? customPriority.version : versionPriorityOf(group, version),
  }
}

/** One entry a version: what is served here, with the priorities of its APIService, and what is served elsewhere. */
const servedEntries = (resources: Resources, apis: AggregatedApis): GroupVersionEntry[] => {
  const entries = new Map<string, GroupVersionEntry>()
  for (const { definition } of resources.all()) {
    const entry = ownEntry(definition.group, definition.version)
    entries.set(entry.name, entry)
  }
  for (const entry of apis.entries()) if (entries.has(entry.name)) entries.set(entry.name, entry)
  for (const remote of apis.remotes()) entries.set(remote.name, remote)
  return [...entries.values()]
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const byVersion = (a: GroupVersionEntry, b: GroupVersionEntry): number =>
  b.versionPriority - a.versionPriority || compareVersions(a.version, b.version)

type Tie = 'api-service' | 'group'

const sortedGroups = (entries: readonly GroupVersionEntry[], tie: Tie): readonly ApiGroup[] => {
  const key = ({ name, group }: GroupVersionEntry): string => (tie === 'group' ? group : name)
  const sorted = entries.toSorted((a, b) => b.groupPriority - a.groupPriority || compareText(key(a), key(b)))
  return [...Map.groupBy(sorted, ({ group }) => group)].map(([name, own]) => {
    const versions = own.toSorted(byVersion).map(({ version }) => version)
    return { name, versions, preferredVersion: versions[0] ?? '', priority: own[0]?.groupPriority ?? 0 }
  })
}

interface Index {
  readonly generation: number
  readonly entries: readonly GroupVersionEntry[]
  readonly groups: Readonly<Record<Tie, readonly ApiGroup[]>>
}

const indexes = new WeakMap<Resources, Index>()

/**
 * The groups, and the versions of each from the preferred one on. Groups of one priority are told in the order of
 * their APIServices' names by the older documents, and of their own by the aggregated one, as upstream.
 */
export const servedGroups = (
  resources: Resources,
  apis: AggregatedApis,
  tie: Tie = 'api-service',
): readonly ApiGroup[] => {
  const known = indexes.get(resources)
  const entries = apis.entries()
  if (known?.generation === resources.generation && known.entries === entries) return known.groups[tie]
  const served = servedEntries(resources, apis)
  const groups = { 'api-service': sortedGroups(served, 'api-service'), group: sortedGroups(served, 'group') }
  indexes.set(resources, { generation: resources.generation, entries, groups })
  return groups[tie]
}
