import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { persistentVolumeClaims, persistentVolumes } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { fitErrorMessage } from '../framework/diagnosis.ts'
import { aNode, aPod, aScheduler, requesting, type TestScheduler } from '../testing/fixtures.ts'
import { fakeInformers } from '../testing/fake-informers.ts'
import { aVolume, boundTo, mounting, whereLabel } from '../testing/storage-fixtures.ts'
import { Attempts } from './attempts.ts'
import { type Attempt, explain, toText } from './explanation.ts'

const attemptOf = (pod: Pod, { schedule, cache }: TestScheduler): Attempt => {
  const result = schedule(pod)
  if (result.type !== 'unschedulable') throw new Error(`the Pod is ${result.type}`)
  const { diagnosis } = result
  const message = fitErrorMessage(diagnosis, cache.nodes.length)
  return { pod, timeMs: Date.UTC(2026, 0, 1), attempts: 2, message, nominatedNodeName: undefined, diagnosis }
}

describe('the explanation of a waiting Pod', () => {
  const nodes = [
    aNode('full'),
    aNode('small', { status: { allocatable: { cpu: '500m', memory: '4Gi', pods: '10' } } }),
    aNode('cordoned', { spec: { unschedulable: true } }),
    aNode('tainted', { spec: { taints: [{ key: 'db', value: 'yes', effect: 'NoSchedule' }] } }),
  ]

  it('says of each node which plugin rejected it, why, and what would have to change', () => {
    const scheduler = aScheduler({ nodes })
    scheduler.cache.assume(aPod(requesting('1500m')), 'full')
    const explanation = explain(attemptOf(aPod(requesting('1')), scheduler), scheduler.cache)
    assert.deepEqual(
      explanation.nodes.map(({ node, plugin, preemptible, change }) => [node, plugin, preemptible, change]),
      [
        ['full', 'NodeResourcesFit', true, '500m more of cpu must become free (wanted 1000m, free 500m)'],
        ['small', 'NodeResourcesFit', false, '1000m of cpu are more than the 500m of the whole node'],
        [
          'cordoned',
          'NodeUnschedulable',
          false,
          'kubectl uncordon cordoned, or tolerate node.kubernetes.io/unschedulable:NoSchedule',
        ],
        ['tainted', 'TaintToleration', false, 'the pod must tolerate, or the node lose: db=yes:NoSchedule'],
      ],
    )
    assert.deepEqual(explanation.rejectedBy, ['NodeResourcesFit', 'NodeUnschedulable', 'TaintToleration'])
    assert.deepEqual(JSON.parse(JSON.stringify(explanation)), explanation)
    assert.match(toText(explanation), /full: NodeResourcesFit: Insufficient cpu\n {6}→ 500m more of cpu/)
  })

  it('names the claims whose volumes are out of reach', () => {
    const fake = fakeInformers()
    fake.set(persistentVolumeClaims, boundTo('data', 'disk'))
    fake.set(persistentVolumes, aVolume('disk', whereLabel('zone', 'za')))
    const scheduler = aScheduler({ nodes: [aNode('far')], informers: fake.factory })
    const [far] = explain(attemptOf(mounting('data'), scheduler), scheduler.cache).nodes
    assert.equal(far?.plugin, 'VolumeBinding')
    assert.match(far.change ?? '', /^volumes for data must be reachable from the node/)
  })

  it('shows what PreFilter said for all nodes', () => {
    const scheduler = aScheduler({ nodes })
    const elsewhere = {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['nowhere'] }] }],
      },
    }
    const explanation = explain(attemptOf(aPod({ affinity: { nodeAffinity: elsewhere } }), scheduler), scheduler.cache)
    assert.equal(explanation.nodes.length, 4)
    assert.ok(explanation.nodes.every(({ reasons }) => reasons.length > 0))
  })

  it('is kept for the latest Pods alone when there are too many', () => {
    const scheduler = aScheduler({ nodes })
    const attempts = new Attempts(12)
    const made = [1, 2, 3].map(() => attemptOf(aPod(requesting('3')), scheduler))
    for (const attempt of made) attempts.set(attempt)
    assert.deepEqual(
      made.map(({ pod }) => attempts.get(pod) !== undefined),
      [false, true, true],
      'five each',
    )
    const [, second] = made
    attempts.delete(second?.pod.metadata?.uid ?? '')
    assert.equal(second && attempts.get(second.pod), undefined)
  })
})
