import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventCorrelator, type Observation } from './event-correlator.ts'

const anEvent = (over: Partial<Observation> = {}): Observation => ({
  object: 'Pod/ns/web/uid',
  type: 'Warning',
  reason: 'Failed',
  message: 'it failed',
  fieldPath: '',
  ...over,
})

const minuteMs = 60_000

describe('EventCorrelator', () => {
  it('counts a repeated event on the entry of its first occurrence', () => {
    const correlator = new EventCorrelator()
    const first = correlator.observe(anEvent(), 1_000)
    const second = correlator.observe(anEvent(), 2_000)
    assert.equal(first, second)
    assert.deepEqual([second?.count, second?.firstAt, second?.lastAt], [2, 1_000, 2_000])
  })

  it('keeps events apart that differ in object, reason, message or field', () => {
    const correlator = new EventCorrelator()
    const differing = [{}, { object: 'Pod/ns/other/uid' }, { reason: 'X' }, { message: 'x' }, { fieldPath: 'y' }]
    const entries = differing.map((over) => correlator.observe(anEvent(over), 0))
    assert.equal(new Set(entries).size, differing.length)
  })

  it('combines the tenth different message of a reason and those after it', () => {
    const correlator = new EventCorrelator()
    const entries = Array.from({ length: 12 }, (_, n) => correlator.observe(anEvent({ message: `m${n}` }), n))
    assert.equal(new Set(entries).size, 10)
    assert.equal(entries[8]?.message, 'm8')
    assert.equal(entries[11]?.message, '(combined from similar events): m11')
    assert.equal(entries[11]?.count, 3)
  })

  it('tells different messages apart again after ten quiet minutes', () => {
    const correlator = new EventCorrelator()
    for (let n = 0; n < 12; n++) correlator.observe(anEvent({ message: `m${n}` }), n)
    assert.equal(correlator.observe(anEvent({ message: 'late' }), 11 * minuteMs)?.message, 'late')
  })

  it('drops what exceeds 25 events of an object, and lets one through every five minutes', () => {
    const correlator = new EventCorrelator()
    const written = Array.from({ length: 40 }, () => correlator.observe(anEvent(), 0)).filter(Boolean).length
    assert.equal(written, 25)
    assert.equal(correlator.observe(anEvent(), 4 * minuteMs), undefined)
    assert.equal(correlator.observe(anEvent(), 6 * minuteMs)?.count, 42, 'dropped ones are counted')
    assert.ok(correlator.observe(anEvent({ object: 'Pod/ns/quiet/uid' }), 0), 'others are not held back')
  })

  it('forgets what was not used for longest', () => {
    const correlator = new EventCorrelator()
    correlator.observe(anEvent(), 0)
    for (let n = 0; n < 5_000; n++) correlator.observe(anEvent({ object: `Pod/ns/p${n}/uid` }), 0)
    assert.equal(correlator.observe(anEvent(), 0)?.count, 1)
  })
})
