import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RequestInfo } from '../server/request-info.ts'
import { RetryAfter } from './retry-after.ts'
import { anInfo } from './simulation.ts'
import { WatchTracker } from './watch-tracker.ts'
import { estimateWork, type ResourceStatistics } from './work-estimate.ts'

const list = { verb: 'list', name: '' }
const tenKb = (count: number): ResourceStatistics => ({ count, averageBytes: 10_000 })

const seatsOf = (
  info: Partial<RequestInfo>,
  query: string,
  statistics: ResourceStatistics | undefined,
  maxOfLevel = 100,
): number =>
  estimateWork({ info: anInfo(info), query: new URLSearchParams(query) }, maxOfLevel, {
    statisticsOf: () => statistics,
    watchesOf: () => 0,
  }).work.initialSeats

describe('the work of a list', () => {
  const cases: readonly (readonly [string, Partial<RequestInfo>, string, ResourceStatistics | undefined, number])[] = [
    ['is a seat for what is no list', { verb: 'get' }, '', tenKb(1000), 1],
    ['is the most for a limit that is no number', list, 'limit=invalid', tenKb(799), 100],
    ['is a seat for 100 kB out of the store', list, 'limit=399&resourceVersion=1', tenKb(699), 40],
    ['is ten seats at most out of memory', list, 'resourceVersion=1', tenKb(699), 10],
    ['is what is read out of memory', list, 'resourceVersion=1', tenKb(69), 7],
    ['is what the page has, out of memory', list, 'limit=20', tenKb(699), 2],
    ['is half of all for a selector on the store', list, 'limit=1&labelSelector=a&resourceVersion=1', tenKb(400), 20],
    ['is a page of the store for what continues', list, 'limit=100&continue=x', tenKb(500), 10],
    ['is all of the store for an exact revision', list, 'resourceVersionMatch=Exact&resourceVersion=1', tenKb(500), 50],
    ['is memory for what is not older', list, 'resourceVersionMatch=NotOlderThan&resourceVersion=1', tenKb(500), 10],
    ['is a seat for a single name', { ...list, name: 'x' }, '', tenKb(1000), 1],
    ['is a seat for what is not known', list, '', undefined, 1],
    ['is a seat for an empty resource', list, '', tenKb(0), 1],
    ['is a list for a watch that begins with the state', { ...list, verb: 'watch' }, '', tenKb(50), 5],
    [
      'is a list for a watch that asks for it',
      { ...list, verb: 'watch' },
      'resourceVersion=5&sendInitialEvents=1',
      tenKb(50),
      5,
    ],
    ['is a seat for a watch that resumes', { ...list, verb: 'watch' }, 'resourceVersion=5', tenKb(50), 1],
  ]
  for (const [what, info, query, statistics, expected] of cases) {
    it(what, () => assert.equal(seatsOf(info, query, statistics), expected))
  }

  it('is no more than the level lets one request have', () => {
    assert.equal(seatsOf(list, '', tenKb(1000), 3), 3)
    assert.equal(seatsOf(list, '', tenKb(1000), 0), 10)
  })
})

describe('the work of a change', () => {
  const workOf = (watches: number, info: Partial<RequestInfo> = { verb: 'update' }, maxOfLevel = 0) =>
    estimateWork({ info: anInfo(info), query: new URLSearchParams() }, maxOfLevel, {
      statisticsOf: () => undefined,
      watchesOf: () => watches,
    }).work

  it('is a seat, and later five milliseconds of one for every ten watches', () => {
    assert.deepEqual(workOf(9), { initialSeats: 1, finalSeats: 0, additionalLatencyMs: 0 })
    assert.deepEqual(workOf(25), { initialSeats: 1, finalSeats: 3, additionalLatencyMs: 5 })
  })

  it('takes longer where it may not be wider', () => {
    assert.deepEqual(workOf(1000), { initialSeats: 1, finalSeats: 10, additionalLatencyMs: 50 })
    assert.deepEqual(workOf(1000, { verb: 'create' }, 4), { initialSeats: 1, finalSeats: 4, additionalLatencyMs: 125 })
  })

  it('is a seat for a token, which nobody watches', () => {
    const token = { verb: 'create', resource: 'serviceaccounts', subresource: 'token' }
    assert.equal(workOf(1000, token).finalSeats, 0)
  })
})

describe('watches that a change is told to', () => {
  it('are those of all objects, of its namespace and of itself', () => {
    const tracker = new WatchTracker()
    const watch = (info: Partial<RequestInfo>, query = '') =>
      tracker.register(anInfo({ verb: 'watch', namespace: '', name: '', ...info }), new URLSearchParams(query))
    const ends = [
      watch({}),
      watch({ namespace: 'default' }),
      watch({ namespace: 'default', name: 'p' }),
      watch({ namespace: 'other' }),
      watch({ resource: 'secrets' }),
      watch({}, 'fieldSelector=spec.nodeName%3Dn'),
    ]
    assert.equal(tracker.interestedIn(anInfo({ verb: 'update' })), 3)
    assert.equal(tracker.interestedIn(anInfo({ verb: 'create', name: '' })), 2)
    for (const end of ends) end()
    for (const end of ends) end()
    assert.equal(tracker.interestedIn(anInfo({ verb: 'update' })), 0)
  })
})

describe('Retry-After', () => {
  it('doubles while many are rejected, and falls second by second', () => {
    const tracker = new RetryAfter()
    const rejectMany = (second: number, count: number): number => {
      for (let i = 0; i < count; i++) tracker.rejected(second)
      return tracker.seconds
    }
    assert.equal(rejectMany(100, 5), 1)
    assert.equal(rejectMany(101, 20), 2)
    assert.equal(rejectMany(102, 20), 2)
    assert.equal(rejectMany(103, 20), 4)
    for (let second = 104; second < 200; second++) rejectMany(second, 200)
    assert.equal(tracker.seconds, 32)
    assert.equal(rejectMany(300, 1), 31)
    assert.equal(rejectMany(400, 1), 30)
  })
})
