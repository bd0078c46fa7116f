import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service } from '../api/types.ts'
import { aPod, testNowMs } from './testing/builders.ts'
import { TriggerTimes, withTriggerTime } from './trigger-times.ts'

const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
const service = (createdMs: number): Service => ({
  metadata: { name: 's', namespace: 'default', creationTimestamp: at(createdMs) as never },
})
const annotation = 'endpoints.kubernetes.io/last-change-trigger-time'

describe('TriggerTimes', () => {
  const pod = (name: string, readySinceMs: number) => aPod(name, { readySinceMs })

  it('begins with the Service, and goes on with the first of each change', () => {
    const times = new TriggerTimes()
    const own = service(testNowMs)
    assert.equal(times.next(own, [pod('a', testNowMs + 1000)]), testNowMs)
    assert.equal(times.next(own, [pod('a', testNowMs + 1000)]), undefined)
    const changed = [pod('a', testNowMs + 9000), pod('b', testNowMs + 5000)]
    assert.equal(times.next(own, changed), testNowMs + 5000)
    assert.equal(times.next(own, changed), undefined)
  })

  it('takes a Service that was made again for a change', () => {
    const times = new TriggerTimes()
    times.next(service(testNowMs), [])
    assert.equal(times.next(service(testNowMs + 7000), []), testNowMs + 7000)
    times.forget('default/s')
    assert.equal(times.next(service(testNowMs), []), testNowMs)
  })
})

describe('withTriggerTime', () => {
  it('says the time as Go writes it, and drops an earlier one', () => {
    const object = { metadata: { name: 's', annotations: { a: '1', [annotation]: 'before' } } }
    assert.equal(withTriggerTime(object, testNowMs).metadata.annotations?.[annotation], '2026-01-01T00:00:00Z')
    assert.deepEqual(withTriggerTime(object, undefined).metadata, { name: 's', annotations: { a: '1' } })
  })
})
