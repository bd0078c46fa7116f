import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoredEntry } from '../entry.ts'
import type { Change } from './cache-event.ts'
import { EventRing } from './event-ring.ts'
import { HistoryBudget } from './history-budget.ts'

const versionBytes = 10_000

const version = (revision: number): StoredEntry =>
  new StoredEntry('ns/a', { bytes: Buffer.alloc(versionBytes, 32), revision, versionStart: 0, versionEnd: 0 })

const replaced = (revision: number): Change => ({
  type: 'MODIFIED',
  revision,
  entry: version(revision),
  previous: version(revision - 1),
})

const added = (revision: number): Change => ({
  type: 'ADDED',
  revision,
  entry: version(revision),
  previous: undefined,
})

const fill = (ring: EventRing, from: number, to: number, change = replaced): void => {
  for (let revision = from; revision <= to; revision++) ring.push(change(revision))
}

const revisions = (changes: readonly Change[] | undefined): number[] | undefined =>
  changes?.map(({ revision }) => revision)

describe('the history of a resource', () => {
  it('gives all changes after a revision, or says that it does not reach back so far', () => {
    const ring = new EventRing(10, new HistoryBudget())
    fill(ring, 11, 15)
    assert.deepEqual(revisions(ring.since(10)), [11, 12, 13, 14, 15])
    assert.deepEqual(revisions(ring.since(13)), [14, 15])
    assert.deepEqual(revisions(ring.since(99)), [])
    assert.equal(ring.since(9), undefined)
  })

  it('gives the first of many, and never parts those of one revision', () => {
    const ring = new EventRing(0, new HistoryBudget())
    for (const revision of [1, 2, 2, 2, 3]) ring.push(replaced(revision))
    assert.deepEqual(revisions(ring.since(0, 1)), [1])
    assert.deepEqual(revisions(ring.since(0, 2)), [1, 2, 2, 2])
    assert.deepEqual(revisions(ring.since(1, 1)), [2, 2, 2])
    assert.deepEqual(revisions(ring.since(2, 10)), [3])
    assert.deepEqual(revisions(ring.since(3, 10)), [])
  })

  it('is charged with the versions that are replaced, and not with those that are current', () => {
    const budget = new HistoryBudget()
    const ring = new EventRing(0, budget)
    fill(ring, 1, 100, added)
    assert.ok(ring.heldBytes < 100 * 1000, `${ring.heldBytes}`)
    fill(ring, 101, 200)
    assert.ok(ring.heldBytes > 100 * versionBytes)
    assert.equal(budget.heldBytes, ring.heldBytes)
    ring.close()
    assert.equal(budget.heldBytes, 0)
  })

  it('drops the oldest beyond what one resource may hold', () => {
    const ring = new EventRing(0, new HistoryBudget({ maxBytes: 1_000_000, maxBytesPerResource: 200_000 }))
    fill(ring, 1, 3000)
    assert.ok(ring.heldBytes <= 200_000)
    const oldest = ring.oldestRevision
    assert.ok(oldest > 2970 && oldest < 3000, `${oldest}`)
    assert.equal(ring.since(oldest - 1), undefined)
    assert.equal(revisions(ring.since(oldest))?.[0], oldest + 1)
  })

  it('drops of the longest history when all of them together hold too much', () => {
    const budget = new HistoryBudget({ maxBytes: 500_000, maxBytesPerResource: 400_000 })
    const small = new EventRing(0, budget)
    fill(small, 1, 5)
    const [left, right] = [new EventRing(0, budget), new EventRing(0, budget)]
    for (let revision = 6; revision < 500; revision++) (revision % 2 === 0 ? left : right).push(replaced(revision))
    assert.ok(budget.heldBytes <= 500_000)
    assert.deepEqual(revisions(small.since(0)), [1, 2, 3, 4, 5])
    assert.ok(Math.abs(left.heldBytes - right.heldBytes) <= 2 * versionBytes)
  })

  it('keeps its newest changes through a compaction', () => {
    const ring = new EventRing(0, new HistoryBudget())
    fill(ring, 1, 150, added)
    ring.trim(150)
    assert.equal(ring.oldestRevision, 50)
    ring.trim(150, 0)
    assert.equal(ring.oldestRevision, 150)
    assert.equal(ring.heldBytes, 0)
  })
})
