import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../api/types.ts'
import { feasibleNodesToFind } from './schedule-pod.ts'
import { aNode, aPod, aScheduler, requesting } from './testing/fixtures.ts'

const aCluster = (...nodes: Node[]) => aScheduler({ nodes })

describe('schedulePod', () => {
  it('spreads Pods that ask for nothing over empty nodes', () => {
    const { cache, nodeOf } = aCluster(aNode('a'), aNode('b'), aNode('c'))
    const counts = new Map<string, number>()
    for (let index = 0; index < 6; index++) {
      const pod = aPod()
      const name = nodeOf(pod)
      cache.assume(pod, name)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    assert.deepEqual([...counts.values()], [2, 2, 2])
  })

  it('prefers the node with more room left', () => {
    const { cache, nodeOf } = aCluster(aNode('full'), aNode('free'))
    cache.assume(aPod(requesting('1500m')), 'full')
    assert.equal(nodeOf(aPod(requesting('100m'))), 'free')
  })

  it('says for each reason how many nodes have it, sorted', () => {
    const tainted = aNode('c', { spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } })
    const { nodeOf, schedule } = aCluster(aNode('a'), aNode('b'), tainted)
    const pod = aPod(requesting('3'))
    assert.equal(nodeOf(pod), '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.')
    const result = schedule(pod)
    assert.ok(result.type === 'unschedulable' && result.diagnosis.unschedulablePlugins.has('NodeResourcesFit'))
  })

  it('says that there are no nodes', () => {
    assert.equal(aCluster().nodeOf(aPod()), 'no nodes')
  })

  it('keeps off cordoned nodes and gives a host port once', () => {
    const { cache, nodeOf } = aCluster(aNode('a', { spec: { unschedulable: true } }), aNode('b'))
    const withPort = { containers: [{ name: 'app', ports: [{ containerPort: 80, hostPort: 80 }] }] }
    const first = aPod(withPort)
    assert.equal(nodeOf(first), 'b')
    cache.assume(first, 'b')
    assert.match(nodeOf(aPod(withPort)), /1 node\(s\) didn't have free ports/)
  })

  it('frees what a forgotten Pod held', () => {
    const { cache, schedule } = aCluster(aNode('a'))
    const big = aPod(requesting('2'))
    cache.assume(big, 'a')
    assert.equal(schedule(aPod(requesting('1'))).type, 'unschedulable')
    cache.forget(big)
    assert.equal(schedule(aPod(requesting('1'))).type, 'scheduled')
  })

  it('keeps anti-affine Pods apart, also against those that run already', () => {
    const { cache, nodeOf } = aCluster(aNode('a'), aNode('b'))
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
    assert.equal(nodeOf(aPod(antiAffinity, { app: 'db' })), 'b')
    assert.equal(nodeOf(aPod({}, { app: 'db' })), 'b', 'the running Pod repels it')
  })

  it('holds maxSkew between zones', () => {
    const inZone = (name: string, zone: string): Node => aNode(name, { metadata: { name, labels: { zone } } })
    const { cache, nodeOf } = aCluster(inZone('a', 'z1'), inZone('b', 'z2'))
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
    assert.equal(nodeOf(aPod(spread, { app: 'web' })), 'b')
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
