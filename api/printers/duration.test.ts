import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { age, humanDuration } from './duration.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const year = 365 * day

describe('humanDuration', () => {
  const table: readonly (readonly [number, string])[] = [
    [-2 * second, '<invalid>'],
    [-1.5 * second, '0s'],
    [0, '0s'],
    [999, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + second, '2m1s'],
    [9 * minute + 59 * second, '9m59s'],
    [10 * minute + 30 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 5 * minute, '3h5m'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 30 * minute, '8h'],
    [47 * hour, '47h'],
    [2 * day, '2d'],
    [2 * day + hour, '2d1h'],
    [7 * day + 23 * hour, '7d23h'],
    [8 * day + 5 * hour, '8d'],
    [729 * day, '729d'],
    [2 * year, '2y'],
    [2 * year + 10 * day, '2y10d'],
    [8 * year + 100 * day, '8y'],
  ]
  for (const [ms, text] of table) it(`${ms} ms is ${text}`, () => assert.equal(humanDuration(ms), text))
})

describe('age', () => {
  const now = new Date('2026-01-01T00:05:03Z')
  it('is the time since', () => assert.equal(age('2026-01-01T00:00:00Z', now), '5m3s'))
  it('is unknown without a time', () => assert.equal(age(undefined, now), '<unknown>'))
})
