import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject, Pod } from '../../api/types.ts'
import { replicaSets, services } from '../../api/resources.ts'
import { aPod } from '../testing/fixtures.ts'
import { fakeInformers } from '../testing/fake-informers.ts'
import { labelled, onePlugin } from '../testing/one-plugin.ts'
import { podTopologySpread } from './pod-topology-spread.ts'
import type { SpreadConstraint } from './topology-constraints.ts'

const web = { app: 'web' }
const constraint = (more: Partial<SpreadConstraint> = {}): SpreadConstraint => ({
  maxSkew: 1,
  topologyKey: 'zone',
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: web },
  ...more,
})
const spreading = (more: Partial<SpreadConstraint> = {}, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod =>
  aPod({ topologySpreadConstraints: [constraint(more)], ...spec }, web)
const plain = (labels: Record<string, string> = web): Pod => aPod({}, labels)

const skewed = "Unschedulable: node(s) didn't match pod topology spread constraints"
const noLabel =
  "UnschedulableAndUnresolvable: node(s) didn't match pod topology spread constraints (missing required label)"
const nodes = [
  labelled('a1', { zone: 'a' }),
  labelled('a2', { zone: 'a' }),
  labelled('b1', { zone: 'b' }),
  labelled('bare', {}),
]
const informers = fakeInformers().factory

describe('PodTopologySpread filters', () => {
  const gone = (): Pod => {
    const pod = plain()
    return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  }
  const elsewhere = (): Pod => {
    const pod = plain()
    return { ...pod, metadata: { ...pod.metadata, namespace: 'other' } }
  }
  const taint = { taints: [{ key: 'x', effect: 'NoSchedule' }] }
  const cases: { what: string; pod: Pod; at: string; running?: Record<string, Pod[]>; expected?: string }[] = [
    { what: 'takes the first Pod anywhere', pod: spreading(), at: 'a1' },
    { what: 'refuses a node without the label', pod: spreading(), at: 'bare', expected: noLabel },
    { what: 'holds the skew', pod: spreading(), at: 'a1', running: { a2: [plain()] }, expected: skewed },
    { what: 'goes where there are fewer', pod: spreading(), at: 'b1', running: { a2: [plain()] } },
    { what: 'tolerates maxSkew', pod: spreading({ maxSkew: 2 }), at: 'a1', running: { a2: [plain()] } },
    { what: 'counts no Pods that leave', pod: spreading(), at: 'a1', running: { a2: [gone()] } },
    { what: 'counts no other namespaces', pod: spreading(), at: 'a1', running: { a2: [elsewhere()] } },
    { what: 'counts no other Pods', pod: spreading(), at: 'a1', running: { a2: [plain({ app: 'db' })] } },
    {
      what: 'does not count itself where it does not match',
      pod: aPod({ topologySpreadConstraints: [constraint()] }, { app: 'db' }),
      at: 'a1',
      running: { a2: [plain()] },
    },
    {
      what: 'takes a missing domain for empty',
      pod: spreading({ minDomains: 3 }),
      at: 'b1',
      running: { a1: [plain()], b1: [plain()] },
      expected: skewed,
    },
    {
      what: 'counts domains that the Pod may go to alone',
      pod: spreading({}, { nodeSelector: { zone: 'a' } }),
      at: 'a1',
      running: { a1: [plain()] },
    },
    {
      what: 'counts all of them with nodeAffinityPolicy Ignore',
      pod: spreading({ nodeAffinityPolicy: 'Ignore' }, { nodeSelector: { zone: 'a' } }),
      at: 'a1',
      running: { a1: [plain()] },
      expected: skewed,
    },
    {
      what: 'compares with Pods of the same matchLabelKeys',
      pod: aPod({ topologySpreadConstraints: [constraint({ matchLabelKeys: ['v', 'absent'] })] }, { ...web, v: '2' }),
      at: 'a1',
      running: { a1: [plain({ ...web, v: '1' })] },
    },
    {
      what: 'counts tainted domains',
      pod: spreading(),
      at: 'a1',
      running: { a1: [plain()], b1: [plain()] },
      expected: skewed,
    },
    {
      what: 'does not count them with nodeTaintsPolicy Honor',
      pod: spreading({ nodeTaintsPolicy: 'Honor' }),
      at: 'a1',
      running: { a1: [plain()], b1: [plain()] },
    },
  ]
  const tainted = labelled('c1', { zone: 'c' }, taint)
  for (const { what, pod, at, running = {}, expected } of cases) {
    it(what, () => {
      const withTaint = what.includes('tainted') || what.includes('Taints') ? [...nodes, tainted] : nodes
      const { rejection } = onePlugin(podTopologySpread, { nodes: withTaint, running, informers })
      assert.equal(rejection(pod, at), expected)
    })
  }

  it('looks only at nodes that have all keys', () => {
    const both = aPod({ topologySpreadConstraints: [constraint(), constraint({ topologyKey: 'rack' })] }, web)
    const racks = [labelled('a1', { zone: 'a', rack: '1' }), labelled('b1', { zone: 'b' })]
    const { rejection } = onePlugin(podTopologySpread, { nodes: racks, running: { a1: [plain()] }, informers })
    assert.equal(rejection(both, 'a1'), undefined, 'zone b has no racks: it is no domain')
  })
})

describe('PodTopologySpread scores', () => {
  it('prefers domains with fewer Pods, and gives none to nodes without the key', () => {
    const pod = spreading({ whenUnsatisfiable: 'ScheduleAnyway' })
    const { scores } = onePlugin(podTopologySpread, { nodes, running: { a1: [plain(), plain()] }, informers })
    assert.deepEqual(scores(pod), { a1: 0, a2: 0, b1: 100, bare: 0 })
  })

  it('spreads Pods of a Service over hosts and zones by default', () => {
    const service: KubeObject = { metadata: { name: 's', namespace: 'default' }, spec: { selector: web } } as KubeObject
    const fake = fakeInformers()
    fake.set(services, service)
    const zoned = ['a1', 'a2', 'b1'].map((name) => labelled(name, { 'topology.kubernetes.io/zone': name.slice(0, 1) }))
    const running = { a1: [plain(), plain(), plain()] }
    const tested = onePlugin(podTopologySpread, { nodes: zoned, running, informers: fake.factory })
    const { a1 = 0, a2 = 0, b1 = 0 } = tested.scores(plain())
    assert.ok(b1 > a2 && a2 > a1, JSON.stringify({ a1, a2, b1 }))
    assert.deepEqual(tested.scores(plain({ app: 'db' })), { a1: 0, a2: 0, b1: 0 }, 'nobody selects it')
  })

  it('has the defaults of the profile filter too, by the selector of the ReplicaSet', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u', controller: true }
    const set = { metadata: { name: 'rs', namespace: 'default' }, spec: { selector: { matchLabels: web } } }
    const fake = fakeInformers()
    fake.set(replicaSets, set as KubeObject)
    const args = {
      defaultingType: 'List',
      defaultConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    }
    const { rejection } = onePlugin(podTopologySpread, {
      nodes,
      running: { a1: [plain()] },
      informers: fake.factory,
      args,
    })
    const pod = plain()
    const owned = { ...pod, metadata: { ...pod.metadata, ownerReferences: [owner] } }
    assert.equal(rejection(owned, 'a1'), skewed)
    assert.equal(rejection(owned, 'b1'), undefined)
    assert.equal(rejection(plain(), 'a1'), undefined, 'nobody owns it')
  })
})

describe('PodTopologySpread hints', () => {
  const { hint } = onePlugin(podTopologySpread, { informers })
  const on = (pod: Pod): Pod => ({ ...pod, spec: { containers: [], ...pod.spec, nodeName: 'a1' } })
  it('wake for Pods that match, and for nodes in the topology', () => {
    const pod = spreading()
    assert.equal(hint(pod, { resource: 'AssignedPod', action: 'Delete' }, { old: on(plain()) }), 'Queue')
    assert.equal(hint(pod, { resource: 'AssignedPod', action: 'Delete' }, { old: on(plain({ app: 'db' })) }), 'Skip')
    const relabelled = { resource: 'AssignedPod', action: 'UpdatePodLabel' } as const
    assert.equal(hint(pod, relabelled, { old: on(plain()), current: on(plain({ app: 'db' })) }), 'Queue')
    assert.equal(hint(pod, relabelled, { old: on(plain()), current: on(plain({ ...web, x: 'y' })) }), 'Skip')
    const [zoned, bare] = [labelled('n', { zone: 'a' }), labelled('n', {})]
    assert.equal(hint(pod, { resource: 'Node', action: 'Add' }, { current: zoned }), 'Queue')
    assert.equal(hint(pod, { resource: 'Node', action: 'Add' }, { current: bare }), 'Skip')
    const changed = { resource: 'Node', action: 'UpdateNodeLabel' } as const
    assert.equal(hint(pod, changed, { old: zoned, current: bare }), 'Queue')
    assert.equal(hint(pod, changed, { old: zoned, current: labelled('n', { zone: 'a', x: 'y' }) }), 'Skip')
  })
})
