import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject, OwnerReference } from '../../api/types.ts'
import { blockingDependents, type GraphNode, type GraphWork, OwnerGraph } from './graph.ts'
import { type OwnerState, planItem } from './plan.ts'

const type = { apiVersion: 'v1', kind: 'ConfigMap' }
const ref = (name: string, blockOwnerDeletion = false): OwnerReference => ({
  ...type,
  name,
  uid: name,
  blockOwnerDeletion,
})
const object = (name: string, owners: OwnerReference[] = [], more: KubeObject['metadata'] = {}): KubeObject => ({
  metadata: { name, namespace: 'ns', uid: name, ownerReferences: owners, ...more },
})
const names = (nodes: Iterable<GraphNode>): string[] => [...nodes].map(({ identity }) => identity.name).sort()
const deletes = (work: GraphWork): string[] => names(work.delete)

describe('OwnerGraph', () => {
  it('asks for an owner that it has not seen, and takes it as real when it comes', () => {
    const graph = new OwnerGraph()
    assert.deepEqual(deletes(graph.observe(object('child', [ref('owner')]), type)), ['owner'])
    assert.equal(graph.get('owner')?.virtual, true)
    assert.deepEqual(deletes(graph.observe(object('owner'), type)), [])
    assert.equal(graph.get('owner')?.virtual, false)
  })

  it('looks at dependents when their owner goes', () => {
    const graph = new OwnerGraph()
    graph.observe(object('owner'), type)
    graph.observe(object('a', [ref('owner')]), type)
    graph.observe(object('b', [ref('owner')]), type)
    assert.deepEqual(deletes(graph.remove('owner')), ['a', 'b'])
  })

  it('deletes dependents first in the foreground, and the owner when none blocks it any more', () => {
    const graph = new OwnerGraph()
    graph.observe(object('owner'), type)
    graph.observe(object('child', [ref('owner', true)]), type)
    const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foregroundDeletion'] }
    assert.deepEqual(deletes(graph.observe(object('owner', [], deleting), type)), ['child', 'owner'])
    const owner = graph.get('owner')
    assert.ok(owner)
    assert.deepEqual(names(blockingDependents(owner)), ['child'])
    assert.deepEqual(deletes(graph.remove('child')), ['owner'])
    assert.deepEqual(blockingDependents(owner), [])
  })

  it('looks again at an owner in foreground deletion when a dependent stops blocking', () => {
    const graph = new OwnerGraph()
    graph.observe(object('child', [ref('owner', true)]), type)
    const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foregroundDeletion'] }
    graph.observe(object('owner', [], deleting), type)
    assert.deepEqual(deletes(graph.observe(object('child', [ref('owner', false)]), type)), ['owner'])
  })

  it('sets dependents free where the orphan finalizer says so', () => {
    const graph = new OwnerGraph()
    const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['orphan'] }
    assert.deepEqual(names(graph.observe(object('owner', [], deleting), type).orphan), ['owner'])
  })

  it('looks at dependents that name the right uid under a wrong name or namespace', () => {
    const graph = new OwnerGraph()
    const elsewhere = object('child', [ref('owner')])
    graph.observe({ ...elsewhere, metadata: { ...elsewhere.metadata, namespace: 'other' } }, type)
    assert.deepEqual(deletes(graph.observe(object('owner'), type)), ['child'])
  })
})

describe('planItem', () => {
  const node = (dependents: GraphNode[] = []): GraphNode => ({
    identity: { ...type, namespace: 'ns', name: 'x', uid: 'x' },
    virtual: false,
    owners: [],
    dependents: new Set(dependents),
    beingDeleted: false,
    deletingDependents: false,
  })
  const owners = (...states: OwnerState[]) => states.map((state, index) => ({ reference: ref(`o${index}`), state }))

  it('keeps what has one solid owner, and drops the references to the others', () => {
    assert.deepEqual(planItem(object('x'), node(), owners('solid')), { type: 'keep' })
    assert.deepEqual(planItem(object('x'), node(), owners('solid', 'dangling', 'waiting')), {
      type: 'dropReferences',
      uids: ['o1', 'o2'],
    })
  })

  it('deletes what has lost all owners, in the way its finalizers ask for', () => {
    assert.deepEqual(planItem(object('x'), node(), owners('dangling')), {
      type: 'delete',
      policy: 'Background',
      unblock: false,
    })
    const orphaning = object('x', [], { finalizers: ['orphan'] })
    assert.equal(planItem(orphaning, node(), owners('dangling')).type, 'delete')
  })

  it('keeps what never had owners', () => {
    assert.deepEqual(planItem(object('x'), node(), []), { type: 'keep' })
  })

  it('breaks a circle of foreground deletions', () => {
    const circle = { ...node(), deletingDependents: true }
    assert.deepEqual(planItem(object('x'), node([circle]), owners('waiting')), {
      type: 'delete',
      policy: 'Foreground',
      unblock: true,
    })
  })
})
