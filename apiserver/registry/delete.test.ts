import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { podKind } from '../../api/core/pod/pod.ts'
import { namespaceKind } from '../../api/core/namespace.ts'
import type { KindDefinition } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import { finalizersFor, planDeletion } from './delete.ts'
import { fixedHooks } from './hooks.ts'
import type { Resource, ResourceHooks } from './resource.ts'

const resourceOf = (definition: KindDefinition, hooks: ResourceHooks = {}): Resource =>
  ({ definition, stored: definition, hooks, namespaced: true }) as unknown as Resource

const pods = resourceOf(podKind)
const now = Date.parse('2026-01-01T00:00:00Z')
const aPod = (more: { metadata?: object; spec?: object } = {}): KubeObject => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', generation: 1, ...more.metadata },
  spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 30, containers: [], ...more.spec },
})

const marked = (decision: ReturnType<typeof planDeletion>) =>
  decision.type === 'write' ? decision.object.metadata : decision.type

describe('deletion of a Pod', () => {
  it('is graceful on a node, and counts as a change of the desired state', () => {
    const metadata = marked(planDeletion(pods, aPod(), {}, now))
    assert.ok(typeof metadata === 'object')
    assert.equal(metadata.deletionTimestamp, '2026-01-01T00:00:30Z')
    assert.equal(metadata.deletionGracePeriodSeconds, 30)
    assert.equal(metadata.generation, 2)
  })

  it('is immediate when no node runs it, or with grace zero', () => {
    assert.equal(planDeletion(pods, aPod({ spec: { nodeName: '' } }), {}, now).type, 'delete')
    assert.equal(planDeletion(pods, aPod(), { gracePeriodSeconds: 0 }, now).type, 'delete')
  })

  it('can be shortened but not lengthened', () => {
    const dying = aPod({ metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 } })
    assert.equal(planDeletion(pods, dying, { gracePeriodSeconds: 60 }, now).type, 'keep')
    const metadata = marked(planDeletion(pods, dying, { gracePeriodSeconds: 5 }, now + 1000))
    assert.ok(typeof metadata === 'object')
    assert.equal(metadata.deletionGracePeriodSeconds, 5)
    assert.equal(metadata.deletionTimestamp, '2026-01-01T00:00:06Z')
    assert.equal(planDeletion(pods, dying, { gracePeriodSeconds: 0 }, now).type, 'delete')
  })

  it('waits for finalizers', () => {
    const held = aPod({ metadata: { finalizers: ['example.com/hold'] }, spec: { nodeName: '' } })
    const metadata = marked(planDeletion(pods, held, {}, now))
    assert.ok(typeof metadata === 'object')
    assert.equal(metadata.deletionGracePeriodSeconds, 0)
    assert.deepEqual(metadata.finalizers, ['example.com/hold'])
  })
})

describe('deletion of a Namespace', () => {
  const namespaces = resourceOf(namespaceKind, fixedHooks['namespaces'])

  it('marks it as Terminating, once', () => {
    const object = {
      metadata: { name: 'ns', uid: 'u' },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    }
    const decision = planDeletion(namespaces, object, { propagationPolicy: 'Foreground' }, now)
    assert.ok(decision.type === 'write')
    assert.deepEqual(decision.object['status'], { phase: 'Terminating' })
    assert.equal(decision.object.metadata?.finalizers, undefined)
    assert.equal(planDeletion(namespaces, decision.object, {}, now).type, 'keep')
  })

  it('removes it when nothing finalizes it any more', () => {
    const object = { metadata: { name: 'ns', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: {} }
    assert.equal(planDeletion(namespaces, object, {}, now).type, 'delete')
  })
})

describe('propagation', () => {
  const cases: readonly [string, Parameters<typeof finalizersFor>, string[]][] = [
    ['is background by default', [undefined, {}, {}], []],
    ['is orphan where the kind says so', ['orphan', {}, {}], ['orphan']],
    ['follows the request before the kind', ['orphan', {}, { propagationPolicy: 'Background' }], []],
    [
      'keeps what earlier requests asked for',
      [undefined, { finalizers: ['foregroundDeletion', 'x/y'] }, {}],
      ['foregroundDeletion', 'x/y'],
    ],
    [
      'replaces one policy by the other',
      [undefined, { finalizers: ['x/y', 'orphan'] }, { propagationPolicy: 'Foreground' }],
      ['x/y', 'foregroundDeletion'],
    ],
    ['knows the old option', [undefined, {}, { orphanDependents: true }], ['orphan']],
  ]
  for (const [name, args, wanted] of cases) it(name, () => assert.deepEqual(finalizersFor(...args), wanted))
})
