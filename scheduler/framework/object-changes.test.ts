import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node, Pod } from '../../api/types.ts'
import { aNode, aPod, requesting } from '../testing/fixtures.ts'
import type { EventAction } from './events.ts'
import { nodeActions, podActions } from './object-changes.ts'

const node = aNode('a')
const nodes: readonly [what: string, change: Partial<Node>, actions: EventAction[]][] = [
  ['nothing but a heartbeat', { status: { ...node.status, conditions: [] } }, []],
  ['allocatable', { status: { allocatable: { cpu: '4' } } }, ['UpdateNodeAllocatable']],
  ['labels', { metadata: { name: 'a', labels: { disk: 'ssd' } } }, ['UpdateNodeLabel']],
  ['taints', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }, ['UpdateNodeTaint']],
  ['unschedulable', { spec: { unschedulable: true } }, ['UpdateNodeTaint']],
  [
    'a condition',
    { status: { ...node.status, conditions: [{ type: 'Ready', status: 'True' }] } },
    ['UpdateNodeCondition'],
  ],
  ['annotations', { metadata: { ...node.metadata, annotations: { a: 'b' } } }, ['UpdateNodeAnnotation']],
]

const pod: Pod = aPod({ ...requesting('1'), schedulingGates: [{ name: 'g' }] }, { app: 'web' })
const withSpec = (change: Partial<NonNullable<Pod['spec']>>): Pod => ({
  ...pod,
  spec: { containers: [], ...pod.spec, ...change },
})
const pods: readonly [what: string, change: Pod, actions: EventAction[]][] = [
  ['a status alone', { ...pod, status: { phase: 'Running' } }, ['UpdateOther']],
  ['labels', { ...pod, metadata: { ...pod.metadata, labels: { app: 'db' } } }, ['UpdatePodLabel']],
  ['less requests', withSpec(requesting('500m')), ['UpdatePodScaleDown']],
  ['more requests', withSpec(requesting('2')), ['UpdateOther']],
  ['tolerations', withSpec({ tolerations: [{ operator: 'Exists' }] }), ['UpdatePodToleration']],
  ['its last gate', withSpec({ schedulingGates: [] }), ['UpdatePodSchedulingGatesEliminated']],
  [
    'generated claims',
    { ...pod, status: { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'x' }] } },
    ['UpdatePodGeneratedResourceClaim'],
  ],
]

describe('what an update changed', () => {
  for (const [what, change, actions] of nodes) {
    it(`of a node: ${what}`, () => assert.deepEqual(nodeActions(node, { ...node, ...change }), actions))
  }
  for (const [what, changed, actions] of pods) {
    it(`of a Pod: ${what}`, () => assert.deepEqual(podActions(pod, changed), actions))
  }
  it('of a Pod of the same generation is not its spec', () => {
    const old: Pod = { ...pod, metadata: { ...pod.metadata, generation: 1 } }
    assert.deepEqual(podActions(old, { ...old, spec: { ...withSpec({ tolerations: [] }).spec, containers: [] } }), [
      'UpdateOther',
    ])
  })
})
