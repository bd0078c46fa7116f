import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node, Pod } from '../../api/types.ts'
import { aNode, aPod } from '../testing/builders.ts'
import { planPodGc } from './plan.ts'

const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata?.name)
const byName = (...nodes: Node[]) => new Map(nodes.map((node) => [node.metadata?.name ?? '', node]))

describe('planPodGc', () => {
  it('removes ended Pods beyond the threshold, evicted ones first, then the oldest', () => {
    const evicted = aPod('evicted', { phase: 'Failed' })
    const pods = [
      aPod('old', { phase: 'Succeeded' }),
      aPod('young', { phase: 'Failed' }),
      aPod('running'),
      { ...evicted, status: { ...evicted.status, reason: 'Evicted' } },
    ]
    assert.deepEqual(names(planPodGc(pods, byName(), 1).terminated), ['evicted', 'old'])
    assert.deepEqual(planPodGc(pods, byName(), 3).terminated, [])
    assert.deepEqual(planPodGc(pods, byName(), 0).terminated, [])
  })

  it('finishes what is being deleted and has no Node that would', () => {
    assert.deepEqual(names(planPodGc([aPod('p', { deleting: true }), aPod('q')], byName(), 0).unscheduled), ['p'])
  })

  it('finishes what is being deleted on a Node that is out of service and not ready', () => {
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }]
    const dead = aNode('dead', 'Unknown', { spec: { taints } })
    const alive = aNode('alive', 'True', { spec: { taints } })
    const pods = [
      aPod('a', { deleting: true, node: 'dead' }),
      aPod('b', { node: 'dead' }),
      aPod('c', { deleting: true, node: 'alive' }),
    ]
    assert.deepEqual(names(planPodGc(pods, byName(dead, alive), 0).outOfService), ['a'])
  })

  it('suspects Pods on Nodes that are not there', () => {
    assert.deepEqual(names(planPodGc([aPod('a', { node: 'gone' }), aPod('b')], byName(), 0).orphaned), ['a'])
  })
})
