import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { aPod } from '../testing/fixtures.ts'
import { type Candidate, pickCandidate } from './pick-node.ts'

const now = Date.UTC(2026, 0, 1, 12)
const victim = (priority: number, startedHoursAgo = 1): Pod => ({
  ...aPod({ priority }),
  status: { startTime: new Date(now - startedHoursAgo * 3_600_000).toISOString() },
})
const on = (nodeName: string, pods: readonly Pod[], pdbViolations = 0): Candidate => ({ nodeName, pods, pdbViolations })

const table: readonly [string, readonly Candidate[], string][] = [
  ['that breaks the fewest budgets', [on('a', [victim(0)], 1), on('b', [victim(9), victim(9)])], 'b'],
  ['whose most important victim is the least', [on('a', [victim(5)]), on('b', [victim(3), victim(3)])], 'b'],
  ['with the smallest sum of priorities', [on('a', [victim(5), victim(4)]), on('b', [victim(5), victim(1)])], 'b'],
  ['with few victims also if priorities are negative', [on('a', [victim(-5), victim(-5)]), on('b', [victim(-5)])], 'b'],
  ['whose most important victim began last', [on('a', [victim(5, 9)]), on('b', [victim(5, 2)])], 'b'],
  [
    'by the earliest of several equally important victims',
    [on('a', [victim(5, 1), victim(5, 9)]), on('b', [victim(5, 3), victim(5, 3)])],
    'b',
  ],
  ['that comes first, where all are equal', [on('a', [victim(5)]), on('b', [victim(5)])], 'a'],
]

describe('pickCandidate', () => {
  for (const [what, candidates, expected] of table) {
    it(`takes the node ${what}`, () => assert.equal(pickCandidate(candidates, now)?.nodeName, expected))
  }
  it('takes nothing of nothing', () => assert.equal(pickCandidate([], now), undefined))
})
