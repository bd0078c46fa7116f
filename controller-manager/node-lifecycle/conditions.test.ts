import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../../api/types.ts'
import { aNode, testNowMs } from '../testing/builders.ts'
import { taintsOf, unknownConditions } from './conditions.ts'
import { evictionRates, zoneState } from './zones.ts'

const keys = (node: Node, eviction: 'add' | 'keep' | 'remove'): string[] =>
  taintsOf(node, eviction, testNowMs).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`)

describe('unknownConditions', () => {
  it('says that the kubelet stopped, or that it never came', () => {
    const conditions = unknownConditions(aNode('n'), testNowMs)
    assert.equal(conditions.find(({ type }) => type === 'Ready')?.reason, 'NodeStatusUnknown')
    assert.equal(conditions.find(({ type }) => type === 'DiskPressure')?.reason, 'NodeStatusNeverUpdated')
  })

  it('changes nothing the second time', () => {
    const node = aNode('n')
    const silent: Node = { ...node, status: { conditions: [...unknownConditions(node, testNowMs)] } }
    assert.equal(unknownConditions(silent, testNowMs + 60_000), silent.status?.conditions)
  })
})

describe('taintsOf', () => {
  it('taints a silent Node for scheduling at once, and for eviction when that is allowed', () => {
    assert.deepEqual(keys(aNode('n', 'Unknown'), 'keep'), ['unreachable:NoSchedule'])
    assert.deepEqual(keys(aNode('n', 'Unknown'), 'add'), ['unreachable:NoSchedule', 'unreachable:NoExecute'])
    assert.deepEqual(keys(aNode('n', 'False'), 'add'), ['not-ready:NoSchedule', 'not-ready:NoExecute'])
  })

  it('swaps the eviction taint without asking for another permission, and takes it off a ready Node', () => {
    const tainted = aNode('n', 'Unknown', { spec: { taints: taintsOf(aNode('n', 'False'), 'add', testNowMs) } })
    assert.deepEqual(keys(tainted, 'keep'), ['unreachable:NoSchedule', 'unreachable:NoExecute'])
    assert.deepEqual(keys({ ...tainted, status: aNode('n').status ?? {} }, 'remove'), [])
  })

  it('leaves foreign taints as they are and shows a cordon', () => {
    const node = aNode('n', 'True', {
      spec: { unschedulable: true, taints: [{ key: 'example.com/mine', effect: 'NoExecute' }] },
    })
    assert.deepEqual(keys(node, 'remove'), ['mine:NoExecute', 'unschedulable:NoSchedule'])
  })

  it('does not evict from a Node that has never reported', () => {
    assert.deepEqual(keys(aNode('n', 'True', { status: {} }), 'add'), [])
  })
})

describe('zones', () => {
  const rates = { primary: 0.1, secondary: 0.01, largeClusterThreshold: 50, unhealthyThreshold: 0.55 }
  const nodes = (ready: number, silent: number): Node[] => [
    ...Array.from({ length: ready }, (_, index) => aNode(`r${index}`)),
    ...Array.from({ length: silent }, (_, index) => aNode(`s${index}`, 'Unknown')),
  ]

  it('calls a zone by how much of it is silent', () => {
    assert.equal(zoneState(nodes(2, 1), 0.55), 'Normal')
    assert.equal(zoneState(nodes(1, 2), 0.55), 'Normal')
    assert.equal(zoneState(nodes(1, 3), 0.55), 'PartialDisruption')
    assert.equal(zoneState(nodes(0, 3), 0.55), 'FullDisruption')
  })

  it('evicts nobody where all is dark, or where a small zone is mostly so', () => {
    const rateOf = (list: Node[]): number | undefined => [...evictionRates(list, rates).values()][0]
    assert.equal(rateOf(nodes(2, 1)), 0.1)
    assert.equal(rateOf(nodes(0, 3)), 0)
    assert.equal(rateOf(nodes(1, 3)), 0)
    assert.equal(rateOf(nodes(20, 40)), 0.01)
  })
})
