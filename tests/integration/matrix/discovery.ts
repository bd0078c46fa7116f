/** Discovery in its three forms says what upstream's says, no more and no less. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { type ResourceFacts, resourceFacts } from './discovery-facts.ts'
import type { RunningMatrix } from './running.ts'

const groupVersionOf = ({ group, version }: ResourceFacts): string => (group === '' ? version : `${group}/${version}`)

const listIfAny = (name: string, list: readonly string[]) => (list.length === 0 ? {} : { [name]: list })

/** Upstream: discovery.StorageVersionHash. */
const hashOf = (stored: string): string =>
  createHash('sha256').update(stored).digest().subarray(0, 8).toString('base64')

const legacyEntries = (facts: ResourceFacts) => [
  {
    name: facts.name,
    singularName: facts.singular,
    namespaced: facts.namespaced,
    kind: facts.kind,
    verbs: facts.verbs,
    ...listIfAny('shortNames', facts.shortNames),
    ...listIfAny('categories', facts.categories),
    ...(facts.stored === undefined ? {} : { storageVersionHash: hashOf(facts.stored) }),
  },
  ...facts.subresources.map(({ name, kind, groupVersion, verbs }) => ({
    name: `${facts.name}/${name}`,
    singularName: '',
    namespaced: facts.namespaced,
    ...(groupVersion === undefined ? {} : { group: groupVersion[0], version: groupVersion[1] }),
    kind,
    verbs,
  })),
]

/** Group and version stand only where they are not those of the list. */
const responseKind = (kind: string, [group, version]: readonly [string, string] = ['', '']) => ({
  group,
  version,
  kind,
})

const aggregatedEntry = (facts: ResourceFacts) => ({
  resource: facts.name,
  responseKind: responseKind(facts.kind),
  scope: facts.namespaced ? 'Namespaced' : 'Cluster',
  singularResource: facts.singular,
  verbs: facts.verbs,
  ...listIfAny('shortNames', facts.shortNames),
  ...listIfAny('categories', facts.categories),
  ...(facts.subresources.length === 0
    ? {}
    : {
        subresources: facts.subresources.map(({ name, kind, groupVersion, verbs }) => ({
          subresource: name,
          responseKind: responseKind(kind, groupVersion),
          verbs,
        })),
      }),
})

const groupsOf = (facts: readonly ResourceFacts[]): string[] => [...new Set(facts.map(({ group }) => group))]
const versionsOf = (name: string): string[] => [
  ...new Set(resourceFacts.filter(({ group }) => group === name).map(({ version }) => version)),
]

const aggregated = (version: string, groups: readonly string[]) => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: groups.map((name) => ({
    metadata: name === '' ? {} : { name },
    versions: versionsOf(name).map((groupVersion) => ({
      version: groupVersion,
      resources: resourceFacts
        .filter(({ group, version: of }) => group === name && of === groupVersion)
        .map(aggregatedEntry),
      freshness: 'Current',
    })),
  })),
})

export const describeDiscovery = (running: RunningMatrix): void => {
  describe('discovery', () => {
    it('names the groups in order, with their versions', async () => {
      const { json } = await running().http('/apis')
      const versions = (name: string) =>
        versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }))
      assert.deepEqual(json, {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: groupsOf(resourceFacts)
          .filter((name) => name !== '')
          .map((name) => ({ name, versions: versions(name), preferredVersion: versions(name)[0] })),
      })
    })

    for (const groupVersion of new Set(resourceFacts.map(groupVersionOf))) {
      it(`lists the resources of ${groupVersion}`, async () => {
        const core = !groupVersion.includes('/')
        const { json } = await running().http(core ? `/api/${groupVersion}` : `/apis/${groupVersion}`)
        assert.deepEqual(json, {
          kind: 'APIResourceList',
          ...(core ? {} : { apiVersion: 'v1' }),
          groupVersion,
          resources: resourceFacts
            .filter((facts) => groupVersionOf(facts) === groupVersion)
            .flatMap(legacyEntries)
            .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
        })
      })
    }

    const aggregatedIn = (version: string) => ({
      headers: {
        accept: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`,
      },
    })

    it('is aggregated in two documents', async () => {
      const core = await running().http('/api', aggregatedIn('v2'))
      assert.deepEqual(core.json, aggregated('v2', ['']))
      const named = await running().http('/apis', aggregatedIn('v2'))
      const groups = groupsOf(resourceFacts).filter((name) => name !== '')
      assert.deepEqual(named.json, aggregated('v2', groups))
    })

    it('is not aggregated in v2beta1, which v1.36 has no more', async () => {
      assert.equal((await running().http('/apis', aggregatedIn('v2beta1'))).json['kind'], 'APIGroupList')
    })
  })
}
