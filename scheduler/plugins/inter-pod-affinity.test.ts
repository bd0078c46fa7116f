import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Namespace, Pod } from '../../api/types.ts'
import { CycleState } from '../framework/cycle-state.ts'
import { aPod } from '../testing/fixtures.ts'
import { labelled, onePlugin } from '../testing/one-plugin.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'

type Affinity = NonNullable<NonNullable<Pod['spec']>['affinity']>
type Term = NonNullable<NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']>[number]

const term = (app: string, more: Partial<Term> = {}): Term => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: { app } },
  ...more,
})
const near = (...terms: Term[]): Partial<NonNullable<Pod['spec']>> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
})
const apart = (...terms: Term[]): Partial<NonNullable<Pod['spec']>> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
})
const preferring = (weight: number, app: string): NonNullable<Affinity['podAffinity']> => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term(app) }],
})
const inNamespace = (pod: Pod, namespace: string): Pod => ({ ...pod, metadata: { ...pod.metadata, namespace } })

const nodes = [labelled('a1', { zone: 'a' }), labelled('a2', { zone: 'a' }), labelled('b1', { zone: 'b' })]
const namespaces: Namespace[] = [{ metadata: { name: 'prod', labels: { env: 'prod' } } }]

const unmet = "UnschedulableAndUnresolvable: node(s) didn't match pod affinity rules"
const antiUnmet = "Unschedulable: node(s) didn't match pod anti-affinity rules"
const existingUnmet = "Unschedulable: node(s) didn't satisfy existing pods anti-affinity rules"

describe('InterPodAffinity filters', () => {
  const db = (): Pod => aPod({}, { app: 'db' })
  const cases: { what: string; pod: Pod; at: string; running?: Record<string, Pod[]>; expected?: string }[] = [
    { what: 'goes to the domain of the others', pod: aPod(near(term('db'))), at: 'a2', running: { a1: [db()] } },
    { what: 'and nowhere else', pod: aPod(near(term('db'))), at: 'b1', running: { a1: [db()] }, expected: unmet },
    { what: 'finds nobody', pod: aPod(near(term('db'))), at: 'a1', expected: unmet },
    { what: 'lets the first of a group begin', pod: aPod(near(term('db')), { app: 'db' }), at: 'b1' },
    {
      what: 'needs one Pod that matches all terms',
      pod: aPod(near(term('db'), term('web'))),
      at: 'a1',
      running: { a1: [db(), aPod({}, { app: 'web' })] },
      expected: unmet,
    },
    { what: 'keeps apart', pod: aPod(apart(term('db'))), at: 'a2', running: { a1: [db()] }, expected: antiUnmet },
    { what: 'is free elsewhere', pod: aPod(apart(term('db'))), at: 'b1', running: { a1: [db()] } },
    {
      what: 'is kept off by those that run',
      pod: aPod({}, { app: 'web' }),
      at: 'a2',
      running: { a1: [aPod(apart(term('web')))] },
      expected: existingUnmet,
    },
    {
      what: 'looks into its own namespace alone',
      pod: aPod(near(term('db'))),
      at: 'a1',
      running: { a1: [inNamespace(db(), 'other')] },
      expected: unmet,
    },
    {
      what: 'looks into named namespaces',
      pod: aPod(near(term('db', { namespaces: ['other'] }))),
      at: 'a1',
      running: { a1: [inNamespace(db(), 'other')] },
    },
    {
      what: 'looks into selected namespaces',
      pod: aPod(near(term('db', { namespaceSelector: { matchLabels: { env: 'prod' } } }))),
      at: 'a1',
      running: { a1: [inNamespace(db(), 'prod')] },
    },
    {
      what: 'looks into all namespaces',
      pod: aPod(near(term('db', { namespaceSelector: {} }))),
      at: 'a1',
      running: { a1: [inNamespace(db(), 'prod')] },
    },
    {
      what: 'compares matchLabelKeys',
      pod: aPod(apart(term('db', { matchLabelKeys: ['v'] })), { v: '2' }),
      at: 'a1',
      running: { a1: [aPod({}, { app: 'db', v: '1' })] },
    },
    {
      what: 'compares mismatchLabelKeys',
      pod: aPod(apart(term('db', { mismatchLabelKeys: ['v'] })), { v: '2' }),
      at: 'a1',
      running: { a1: [aPod({}, { app: 'db', v: '1' })] },
      expected: antiUnmet,
    },
  ]
  for (const { what, pod, at, running = {}, expected } of cases) {
    it(what, () => {
      const { rejection } = onePlugin(interPodAffinity, { nodes, running, namespaces })
      assert.equal(rejection(pod, at), expected)
    })
  }

  it('knows what it would say if Pods came or went', () => {
    const guard = aPod(apart(term('web')))
    const { framework, cache } = onePlugin(interPodAffinity, { nodes, running: { a1: [guard] } })
    const pod = aPod({}, { app: 'web' })
    const cycle = new CycleState()
    framework.preFilter(cycle, pod, cache.nodes)
    const info = cache.get('a1')
    assert.ok(info)
    const tried = framework.cloneState(cycle)
    framework.removePod(tried, pod, { removed: guard, info })
    assert.equal(framework.filter(tried, pod, info), undefined)
    framework.addPod(tried, pod, { added: guard, info })
    assert.deepEqual(framework.filter(tried, pod, info)?.reasons, [
      "node(s) didn't satisfy existing pods anti-affinity rules",
    ])
    assert.notEqual(framework.filter(cycle, pod, info), undefined, 'the original is untouched')
  })
})

describe('InterPodAffinity scores', () => {
  it('by what is preferred, of the Pod and of those that run', () => {
    const running = { a1: [aPod({}, { app: 'db' })], b1: [aPod({ affinity: { podAffinity: preferring(10, 'web') } })] }
    const pod = aPod({ affinity: { podAffinity: preferring(20, 'db') } }, { app: 'web' })
    assert.deepEqual(onePlugin(interPodAffinity, { nodes, running }).scores(pod), { a1: 100, a2: 100, b1: 0 })
    assert.deepEqual(onePlugin(interPodAffinity, { nodes, running }).scores(aPod({}, { app: 'web' })), {
      a1: 0,
      a2: 0,
      b1: 100,
    })
  })

  it('by required affinity of those that run, as much as hardPodAffinityWeight says', () => {
    const running = { a1: [aPod(near(term('web')))], b1: [aPod({ affinity: { podAffinity: preferring(10, 'web') } })] }
    const pod = aPod({}, { app: 'web' })
    const scoresWith = (args: unknown) => onePlugin(interPodAffinity, { nodes, running, args }).scores(pod)
    assert.deepEqual(scoresWith(undefined), { a1: 0, a2: 0, b1: 100 })
    assert.deepEqual(scoresWith({ hardPodAffinityWeight: 20 }), { a1: 100, a2: 100, b1: 0 })
    assert.deepEqual(scoresWith({ ignorePreferredTermsOfExistingPods: true }), { a1: 0, a2: 0, b1: 0 })
  })
})

describe('InterPodAffinity hints', () => {
  const { hint } = onePlugin(interPodAffinity)
  const added = { resource: 'AssignedPod', action: 'Add' } as const
  const deleted = { resource: 'AssignedPod', action: 'Delete' } as const
  it('wake for Pods that attract, and when Pods leave that repelled', () => {
    const [db, web] = [aPod({}, { app: 'db' }), aPod({}, { app: 'web' })]
    assert.equal(hint(aPod(near(term('db'))), added, { current: db }), 'Queue')
    assert.equal(hint(aPod(near(term('db'))), added, { current: web }), 'Skip')
    assert.equal(hint(aPod(apart(term('db'))), deleted, { old: db }), 'Queue')
    assert.equal(hint(aPod(apart(term('db'))), deleted, { old: web }), 'Skip')
    assert.equal(hint(web, deleted, { old: aPod(apart(term('web'))) }), 'Queue')
  })
  it('wake the first of a group when the last of the one before is gone', () => {
    const pod = aPod(near(term('db')), { app: 'db' })
    assert.equal(hint(pod, deleted, { old: aPod({}, { app: 'db' }) }), 'Queue')
  })
  it('wake for nodes that have the topology, and where labels move', () => {
    const node = { resource: 'Node', action: 'Add' } as const
    assert.equal(hint(aPod(near(term('db'))), node, { current: labelled('n', { zone: 'z' }) }), 'Queue')
    assert.equal(hint(aPod(near(term('db'))), node, { current: labelled('n', {}) }), 'Skip')
    assert.equal(hint(aPod(), node, { current: labelled('n', {}) }), 'Queue', 'nobody there keeps it off')
    const moved = { resource: 'Node', action: 'UpdateNodeLabel' } as const
    const [before, after] = [labelled('n', { zone: 'z' }), labelled('n', {})]
    assert.equal(hint(aPod(), moved, { old: before, current: after }), 'Queue')
  })
})
