import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Secret } from '../../api/types.ts'
import { dateOf, planToken, type TokenFacts, trackedSinceMs } from './plan.ts'

const dayMs = 24 * 3_600_000
const nowMs = Date.parse('2026-06-01T12:00:00Z')
const facts: TokenFacts = { isGenerated: true, isMounted: false, nowMs, cleanUpPeriodMs: 365 * dayMs }
const daysAgo = (days: number): string => new Date(nowMs - days * dayMs).toISOString()

interface Marks {
  readonly createdDaysAgo?: number
  readonly lastUsed?: string
  readonly invalidSince?: string
}

const token = ({ createdDaysAgo = 1000, lastUsed, invalidSince }: Marks = {}): Secret => ({
  metadata: {
    name: 't',
    creationTimestamp: daysAgo(createdDaysAgo),
    labels: {
      ...(lastUsed === undefined ? {} : { 'kubernetes.io/legacy-token-last-used': lastUsed }),
      ...(invalidSince === undefined ? {} : { 'kubernetes.io/legacy-token-invalid-since': invalidSince }),
    },
  },
})
const date = (days: number): string => dateOf(nowMs - days * dayMs)

describe('a generated token', () => {
  it('that nobody uses becomes invalid', () => assert.equal(planToken(token(), facts), 'invalidate'))
  it('that was used long ago becomes invalid', () => {
    assert.equal(planToken(token({ lastUsed: date(366) }), facts), 'invalidate')
  })
  it('that was invalid for long is deleted', () => {
    assert.equal(planToken(token({ invalidSince: date(366) }), facts), 'delete')
  })
  it('with a mark that is no date is marked anew', () => {
    assert.equal(planToken(token({ invalidSince: '2025-02-31x' }), facts), 'invalidate')
  })
  const kept: [title: string, marks: Marks, more?: Partial<TokenFacts>][] = [
    ['is young', { createdDaysAgo: 300 }],
    ['was used lately', { lastUsed: date(364) }],
    ['was used nobody knows when', { lastUsed: 'yesterday' }],
    ['is invalid for a while only', { invalidSince: date(100) }],
    ['is mounted', {}, { isMounted: true }],
    ['somebody made by hand', {}, { isGenerated: false }],
  ]
  for (const [title, marks, more] of kept) {
    it(`that ${title} stays`, () => assert.equal(planToken(token(marks), { ...facts, ...more }), 'keep'))
  }
})

describe('the day since which use is noted', () => {
  it('counts from the next one', () => {
    assert.equal(trackedSinceMs('2026-01-01'), Date.parse('2026-01-02T00:00:00Z'))
  })
  it('is not guessed', () => {
    for (const text of [undefined, '', 'x', '2026-13-01']) assert.equal(trackedSinceMs(text), undefined)
  })
})
