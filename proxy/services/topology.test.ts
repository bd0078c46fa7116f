import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Endpoint } from './endpoints.ts'
import { categorize } from './topology.ts'

const here = { nodeName: 'here', zone: 'zone-1' }
const both = { usesCluster: true, usesLocal: true }

const endpoint = (ip: string, more: Partial<Endpoint> = {}): Endpoint => ({
  ip,
  port: 80,
  isLocal: false,
  isReady: true,
  isServing: true,
  isTerminating: false,
  nodeHints: [],
  zoneHints: [],
  ...more,
})
const ending = { isReady: false, isTerminating: true }

const cases: readonly {
  readonly name: string
  readonly endpoints: readonly Endpoint[]
  readonly cluster: readonly string[]
  readonly local: readonly string[]
  readonly has: boolean
}[] = [
  { name: 'none', endpoints: [], cluster: [], local: [], has: false },
  {
    name: 'ready ones, here and elsewhere',
    endpoints: [endpoint('a', { isLocal: true }), endpoint('b')],
    cluster: ['a', 'b'],
    local: ['a'],
    has: true,
  },
  {
    name: 'no endpoint that is not ready',
    endpoints: [endpoint('a', { isReady: false, isServing: false })],
    cluster: [],
    local: [],
    has: false,
  },
  {
    name: 'ready ones rather than those that end',
    endpoints: [endpoint('a', { isLocal: true, ...ending }), endpoint('b')],
    cluster: ['b'],
    local: ['a'],
    has: true,
  },
  {
    name: 'those that end, if there is nothing better',
    endpoints: [endpoint('a', ending), endpoint('b', { ...ending, isServing: false })],
    cluster: ['a'],
    local: [],
    has: true,
  },
  {
    name: 'those of the zone',
    endpoints: [endpoint('a', { zoneHints: ['zone-1'] }), endpoint('b', { zoneHints: ['zone-2'] })],
    cluster: ['a'],
    local: [],
    has: true,
  },
  {
    name: 'all, if one has no hint',
    endpoints: [endpoint('a', { zoneHints: ['zone-1'] }), endpoint('b')],
    cluster: ['a', 'b'],
    local: [],
    has: true,
  },
  {
    name: 'all, if no hint is for this zone',
    endpoints: [endpoint('a', { zoneHints: ['zone-3'] }), endpoint('b', { zoneHints: ['zone-2'] })],
    cluster: ['a', 'b'],
    local: [],
    has: true,
  },
  {
    name: 'those of the node before those of the zone',
    endpoints: [
      endpoint('a', { zoneHints: ['zone-1'], nodeHints: ['here'] }),
      endpoint('b', { zoneHints: ['zone-1'], nodeHints: ['there'] }),
    ],
    cluster: ['a'],
    local: [],
    has: true,
  },
  {
    name: 'those of the zone, if no hint is for this node',
    endpoints: [
      endpoint('a', { zoneHints: ['zone-1'], nodeHints: ['there'] }),
      endpoint('b', { zoneHints: ['zone-2'], nodeHints: ['there'] }),
    ],
    cluster: ['a'],
    local: [],
    has: true,
  },
]

describe('endpoints that a node uses', () => {
  for (const { name, endpoints, cluster, local, has } of cases) {
    it(`are ${name}`, () => {
      const found = categorize(endpoints, both, here)
      const ips = (list: readonly Endpoint[]): string[] => list.map(({ ip }) => ip)
      assert.deepEqual(
        [ips(found.clusterEndpoints), ips(found.localEndpoints), found.hasEndpoints],
        [cluster, local, has],
      )
    })
  }
})
