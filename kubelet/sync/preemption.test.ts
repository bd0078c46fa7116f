import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { BoundPod } from '../pod.ts'
import { aContainer, aPod } from '../testing.ts'
import type { Shortage } from './admission.ts'
import { victimsOf } from './preemption.ts'

const critical = aPod({ priority: 2_000_000_000 }, { name: 'critical', uid: 'critical' })

const pod = (
  name: string,
  cpu: number,
  memory: number,
  fields: { guaranteed?: boolean; priority?: number } = {},
): BoundPod => {
  const amounts = { ...(cpu === 0 ? {} : { cpu: `${cpu}m` }), ...(memory === 0 ? {} : { memory: `${memory}Mi` }) }
  const resources = { requests: amounts, ...(fields.guaranteed === true ? { limits: amounts } : {}) }
  return aPod({ containers: [aContainer('c', { resources })], priority: fields.priority ?? 0 }, { name, uid: name })
}

const needs = (resource: string, amount: number): Shortage => ({ resource, requested: amount, used: 0, capacity: 0 })
const names = (pods: readonly BoundPod[] | undefined): string[] | undefined =>
  pods?.map(({ metadata }) => metadata.name)
const Mi = 1024 * 1024

describe('a critical Pod without room', () => {
  it('takes that of the one Pod that comes nearest', () => {
    const running = [pod('small', 50, 0), pod('right', 110, 0), pod('large', 500, 0)]
    assert.deepEqual(names(victimsOf(critical, running, [needs('cpu', 100)])), ['right'])
  })

  it('takes those of several where one is not enough', () => {
    const running = [pod('a', 60, 0), pod('b', 60, 0), pod('c', 10, 0)]
    assert.deepEqual(names(victimsOf(critical, running, [needs('cpu', 100)])), ['b', 'a'])
  })

  it('spares the better classes of service', () => {
    const running = [
      pod('guaranteed', 100, 100, { guaranteed: true }),
      pod('burstable', 200, 0),
      pod('besteffort', 0, 0),
    ]
    assert.deepEqual(names(victimsOf(critical, running, [needs('cpu', 100)])), ['burstable'])
    assert.deepEqual(names(victimsOf(critical, running, [needs('pods', 1)])), ['besteffort'])
    assert.deepEqual(names(victimsOf(critical, running, [needs('memory', 50 * Mi)])), ['guaranteed'])
  })

  it('leaves critical Pods alone, and gives up where that is not enough', () => {
    const running = [pod('system', 900, 0, { priority: 2_000_000_000 }), pod('a', 50, 0)]
    assert.equal(victimsOf(critical, running, [needs('cpu', 100)]), undefined)
  })

  it('always gets what it needs of as few as that takes, or ends nobody', () => {
    const some = fc.array(fc.tuple(fc.nat(300), fc.nat(300), fc.boolean()), { maxLength: 8 })
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 600 }), (all, cpu, memory) => {
        const running = all.map(([milli, mebi, guaranteed], index) => pod(String(index), milli, mebi, { guaranteed }))
        const victims = victimsOf(critical, running, [needs('cpu', cpu), needs('memory', memory * Mi)])
        const sum = (of: readonly BoundPod[], which: 0 | 1): number =>
          of.reduce((total, { metadata }) => total + (all[Number(metadata.name)]?.[which] ?? 0), 0)
        const possible = sum(running, 0) >= cpu && sum(running, 1) >= memory
        assert.equal(victims !== undefined, possible)
        if (victims === undefined) return
        assert.ok(sum(victims, 0) >= cpu && sum(victims, 1) >= memory)
        assert.equal(new Set(victims).size, victims.length)
      }),
    )
  })
})
