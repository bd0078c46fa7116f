import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node, Pod } from '../api/types.ts'
import { SchedulerCache } from './cache/cache.ts'
import { filterPlugins, scorePlugins } from './plugins/index.ts'
import { feasibleNodesToFind, schedulePod, type ScheduleResult } from './schedule-pod.ts'

const profile = { filters: filterPlugins, scores: scorePlugins, percentageOfNodesToScore: 0 }

const aNode = (name: string, change: Partial<Node> = {}): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
  ...change,
})

let uid = 0
const aPod = (spec: Partial<NonNullable<Pod['spec']>> = {}, labels: Record<string, string> = {}): Pod => ({
  metadata: { name: `pod-${++uid}`, namespace: 'default', uid: `uid-${uid}`, labels },
  spec: { containers: [{ name: 'app' }], ...spec },
})
const requesting = (cpu: string): Partial<NonNullable<Pod['spec']>> => ({
  containers: [{ name: 'app', resources: { requests: { cpu } } }],
})

const aCluster = (...nodes: Node[]): SchedulerCache => {
  const cache = new SchedulerCache({ get: () => undefined })
  for (const node of nodes) cache.setNode(node)
  return cache
}
const schedule = (pod: Pod, cache: SchedulerCache): ScheduleResult =>
  schedulePod(pod, cache, { profile, startIndex: 0, random: () => 0.99 })
const nodeOf = (result: ScheduleResult): string => (result.type === 'scheduled' ? result.nodeName : result.message)

describe('schedulePod', () => {
  it('spreads Pods that ask for nothing over empty nodes', () => {
    const cache = aCluster(aNode('a'), aNode('b'), aNode('c'))
    const counts = new Map<string, number>()
    for (let index = 0; index < 6; index++) {
      const pod = aPod()
      const name = nodeOf(schedule(pod, cache))
      cache.assume(pod, name)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    assert.deepEqual([...counts.values()], [2, 2, 2])
  })

  it('prefers the node with more room left', () => {
    const cache = aCluster(aNode('full'), aNode('free'))
    cache.assume(aPod(requesting('1500m')), 'full')
    assert.equal(nodeOf(schedule(aPod(requesting('100m')), cache)), 'free')
  })

  it('says for each reason how many nodes have it, sorted', () => {
    const tainted = aNode('c', { spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } })
    const cache = aCluster(aNode('a'), aNode('b'), tainted)
    const result = schedule(aPod(requesting('3')), cache)
    assert.equal(
      nodeOf(result),
      '0/3 nodes are available: 1 node(s) had untolerated taint(s) {dedicated: db}, 2 Insufficient cpu.',
    )
    assert.ok(result.type === 'unschedulable' && result.rejectedBy.has('NodeResourcesFit'))
  })

  it('says that there are no nodes', () => {
    assert.equal(nodeOf(schedule(aPod(), aCluster())), 'no nodes available to schedule pods')
  })

  it('keeps off cordoned nodes and gives a host port once', () => {
    const cache = aCluster(aNode('a', { spec: { unschedulable: true } }), aNode('b'))
    const withPort = { containers: [{ name: 'app', ports: [{ containerPort: 80, hostPort: 80 }] }] }
    const first = aPod(withPort)
    assert.equal(nodeOf(schedule(first, cache)), 'b')
    cache.assume(first, 'b')
    assert.match(nodeOf(schedule(aPod(withPort), cache)), /1 node\(s\) didn't have free ports/)
  })

  it('frees what a forgotten Pod held', () => {
    const cache = aCluster(aNode('a'))
    const big = aPod(requesting('2'))
    cache.assume(big, 'a')
    assert.equal(schedule(aPod(requesting('1')), cache).type, 'unschedulable')
    cache.forget(big)
    assert.equal(schedule(aPod(requesting('1')), cache).type, 'scheduled')
  })

  it('keeps anti-affine Pods apart, also against those that run already', () => {
    const cache = aCluster(aNode('a'), aNode('b'))
    const antiAffinity = {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } },
          ],
        },
      },
    }
    const first = aPod(antiAffinity, { app: 'db' })
    cache.assume(first, 'a')
    assert.equal(nodeOf(schedule(aPod(antiAffinity, { app: 'db' }), cache)), 'b')
    assert.equal(nodeOf(schedule(aPod({}, { app: 'db' }), cache)), 'b', 'the running Pod repels it')
  })

  it('holds maxSkew between zones', () => {
    const inZone = (name: string, zone: string): Node => aNode(name, { metadata: { name, labels: { zone } } })
    const cache = aCluster(inZone('a', 'z1'), inZone('b', 'z2'))
    const spread = {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
        },
      ],
    }
    cache.assume(aPod(spread, { app: 'web' }), 'a')
    assert.equal(nodeOf(schedule(aPod(spread, { app: 'web' }), cache)), 'b')
  })
})

describe('feasibleNodesToFind', () => {
  it('looks at all nodes of a small cluster and at a share of a big one', () => {
    assert.equal(feasibleNodesToFind(99, 0), 99)
    assert.equal(feasibleNodesToFind(1000, 0), 420)
    assert.equal(feasibleNodesToFind(5000, 0), 500)
    assert.equal(feasibleNodesToFind(1000, 100), 1000)
  })
})
