import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DaemonSet, Node, Pod } from '../../api/types.ts'
import { aNode, aPod, testNowMs } from '../testing/builders.ts'
import { type DaemonInput, planDaemonPods, planDaemonStatus, planRollingUpdate } from './plan.ts'

const aSet = (spec: object = {}, template: object = {}): DaemonSet => ({
  metadata: { name: 'd', namespace: 'default', uid: 'd', generation: 1 },
  spec: { selector: {}, template: { spec: { containers: [], ...template } }, ...spec },
})
const pod = (name: string, node: string, hash = 'new', options: Parameters<typeof aPod>[1] = {}): Pod =>
  aPod(name, { node, ...options, metadata: { labels: { 'controller-revision-hash': hash } } })
const input = (daemonSet: DaemonSet, nodes: Node[], pods: Pod[]): DaemonInput => ({
  daemonSet,
  nodes,
  pods,
  hash: 'new',
  nowMs: testNowMs,
})
const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata?.name)
const tainted = (name: string, key: string, effect: string): Node =>
  aNode(name, 'True', { spec: { taints: [{ key, effect }] } })

describe('planDaemonPods', () => {
  it('makes one Pod on each Node that fits', () => {
    const labelled = aNode('b')
    labelled.metadata = { ...labelled.metadata, labels: { disk: 'ssd' } }
    const set = aSet({}, { nodeSelector: { disk: 'ssd' } })
    assert.deepEqual(planDaemonPods(input(set, [aNode('a'), labelled], [])).create, ['b'])
  })

  it('tolerates sick and cordoned Nodes, but no foreign taint', () => {
    const nodes = [
      tainted('cordoned', 'node.kubernetes.io/unschedulable', 'NoSchedule'),
      tainted('gone', 'node.kubernetes.io/unreachable', 'NoExecute'),
      tainted('mine', 'example.com/mine', 'NoSchedule'),
    ]
    assert.deepEqual(planDaemonPods(input(aSet(), nodes, [])).create, ['cordoned', 'gone'])
  })

  it('lets Pods stay under a new NoSchedule taint and removes them under NoExecute', () => {
    const pods = [pod('p', 'a'), pod('q', 'b')]
    const nodes = [tainted('a', 'x', 'NoSchedule'), tainted('b', 'x', 'NoExecute')]
    assert.deepEqual(names(planDaemonPods(input(aSet(), nodes, pods)).delete), ['q'])
  })

  it('keeps the oldest of two, and replaces ended ones', () => {
    const pods = [pod('old', 'a'), pod('young', 'a'), pod('ended', 'b', 'new', { phase: 'Failed' })]
    const plan = planDaemonPods(input(aSet(), [aNode('a'), aNode('b')], pods))
    assert.deepEqual([names(plan.delete), names(plan.ended)], [['young'], ['ended']])
  })
})

describe('planRollingUpdate', () => {
  const nodes = ['a', 'b', 'c'].map((name) => aNode(name))
  const old = [pod('pa', 'a', 'old'), pod('pb', 'b', 'old'), pod('pc', 'c', 'old')]

  it('takes as many old Pods as may be unavailable', () => {
    assert.equal(planRollingUpdate(input(aSet(), nodes, old)).delete.length, 1)
    const two = aSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } })
    assert.equal(planRollingUpdate(input(two, nodes, old)).delete.length, 2)
  })

  it('waits while a new Pod is not available', () => {
    const pods = [pod('na', 'a', 'new', { ready: false }), ...old.slice(1)]
    assert.deepEqual(planRollingUpdate(input(aSet(), nodes, pods)).delete, [])
  })

  it('replaces Pods that are down already without waiting', () => {
    const pods = [
      pod('na', 'a', 'new', { ready: false }),
      pod('pb', 'b', 'old', { ready: false }),
      pod('pc', 'c', 'old'),
    ]
    assert.deepEqual(names(planRollingUpdate(input(aSet(), nodes, pods)).delete), ['pb'])
  })

  it('with surge makes the new Pod beside the old, which goes when the new one serves', () => {
    const set = aSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } })
    assert.deepEqual(planRollingUpdate(input(set, nodes, old)), { create: ['a'], delete: [] })
    const plan = planRollingUpdate(input(set, nodes, [...old, pod('na', 'a')]))
    assert.deepEqual([plan.create, names(plan.delete)], [['b'], ['pa']])
  })
})

describe('planDaemonStatus', () => {
  it('counts Nodes, not Pods', () => {
    const status = planDaemonStatus(input(aSet(), [aNode('a'), aNode('b')], [pod('p', 'a'), pod('q', 'a', 'old')]))
    assert.deepEqual(
      [status.desiredNumberScheduled, status.currentNumberScheduled, status.numberAvailable, status.numberUnavailable],
      [2, 1, 1, 1],
    )
  })
})
