import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { mandatoryPriorityLevels, suggestedPriorityLevels } from '../../api/flowcontrol/bootstrap.ts'
import { allocateSeats } from './concurrency-allocation.ts'
import { adjustLimits, configuredLimits, type LevelDemand } from './limits.ts'
import { afterPeriod, noDemand, SeatDemand } from './seat-demand.ts'

describe('allocateSeats', () => {
  const claim = fc
    .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }))
    .map(([lower, more, room]) => ({ lower, target: lower + more, upper: lower + room }))

  it('gives all the same fraction of their targets, but for those that a bound keeps from it', () => {
    fc.assert(
      fc.property(
        fc.array(claim, { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (claims, part) => {
          const lowest = claims.reduce((sum, { lower }) => sum + lower, 0)
          const highest = claims.reduce((sum, { upper }) => sum + upper, 0)
          const total = Math.round(lowest + (highest - lowest) * part)
          const allocation = allocateSeats(total, claims)
          assert.ok(typeof allocation !== 'string', String(allocation))
          const { seats, fairFraction } = allocation
          assert.ok(Math.abs(seats.reduce((sum, share) => sum + share, 0) - total) < 1e-3)
          for (const [index, { lower, upper, target }] of claims.entries()) {
            const share = seats[index] ?? -1
            const fair = total === 0 ? 0 : fairFraction * Math.max(target, 0.001)
            assert.ok(share >= lower - 1e-6 && share <= upper + 1e-6)
            const bounded = Math.abs(share - Math.max(lower, Math.min(upper, fair))) < 1e-3
            assert.ok(bounded, `${share} is not ${fair} within [${lower}, ${upper}]`)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('says why there is no division', () => {
    assert.match(String(allocateSeats(1, [{ lower: 2, target: 2, upper: 3 }])), /lower bounds sum to 2/)
    assert.match(String(allocateSeats(9, [{ lower: 2, target: 2, upper: 3 }])), /upper bounds sum to 3/)
    assert.match(String(allocateSeats(2, [{ lower: 3, target: 2, upper: 4 }])), /impossible bounds/)
  })
})

describe('configured limits', () => {
  it('of a server with upstream’s defaults are upstream’s', () => {
    const levels = [...suggestedPriorityLevels, ...mandatoryPriorityLevels]
    const limits = configuredLimits(levels, 600)
    const of = Object.fromEntries(levels.map(({ metadata }, i) => [metadata?.name, limits[i]]))
    assert.deepEqual(of, {
      system: { nominal: 74, lower: 50, upper: 674, maxPerRequest: 12 },
      'node-high': { nominal: 98, lower: 73, upper: 698, maxPerRequest: 15 },
      'leader-election': { nominal: 25, lower: 25, upper: 625, maxPerRequest: 4 },
      'workload-high': { nominal: 98, lower: 49, upper: 698, maxPerRequest: 15 },
      'workload-low': { nominal: 245, lower: 24, upper: 845, maxPerRequest: 37 },
      'global-default': { nominal: 49, lower: 24, upper: 649, maxPerRequest: 8 },
      'catch-all': { nominal: 13, lower: 13, upper: 613, maxPerRequest: 0 },
      exempt: { nominal: 0, lower: 0, upper: 600, maxPerRequest: 0 },
    })
  })

  it('are nothing where nobody has shares', () => {
    const none = { metadata: { name: 'n' }, spec: { type: 'Exempt', exempt: {} } }
    assert.equal(configuredLimits([none], 600)[0]?.nominal, 0)
  })
})

const aLevel = (limits: Partial<LevelDemand>, smoothed = 0, highWatermark = 0): LevelDemand => ({
  nominal: 10,
  lower: 5,
  upper: 30,
  maxPerRequest: 0,
  exempt: false,
  current: 10,
  ...limits,
  demand: { ...noDemand, smoothed, highWatermark },
})

const currents = (levels: readonly LevelDemand[]): number[] => adjustLimits(levels).limits.map(({ current }) => current)

describe('borrowing', () => {
  it('gives what idle levels lend to those that want more', () => {
    assert.deepEqual(currents([aLevel({}, 40, 40), aLevel({}), aLevel({})]), [20, 5, 5])
  })

  it('never takes what a level does not lend, nor gives more than it may borrow', () => {
    assert.deepEqual(currents([aLevel({ upper: 12 }, 40, 40), aLevel({ lower: 10 }), aLevel({})]), [12, 12, 6])
  })

  it('leaves a level what it has used, up to its nominal limit', () => {
    assert.deepEqual(currents([aLevel({}, 40, 40), aLevel({}, 9, 9)]), [11, 9])
    assert.deepEqual(currents([aLevel({}, 40, 40), aLevel({}, 40, 40)]), [10, 10])
  })

  it('takes the seats of exempt requests from all others', () => {
    const exempt = aLevel({ exempt: true, nominal: 0, lower: 0 }, 6, 6)
    assert.deepEqual(currents([exempt, aLevel({}, 20, 20), aLevel({}, 20, 20)]), [6, 7, 7])
    assert.deepEqual(currents([aLevel({ exempt: true, nominal: 0, lower: 0 }, 90, 90), aLevel({}, 20, 20)]), [90, 5])
  })

  it('divides what there is, whatever is wanted', () => {
    const level = fc
      .tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }))
      .chain(([nominal, lendable, borrowable]) => {
        const lower = nominal - Math.round((nominal * lendable) / 100)
        return fc
          .tuple(fc.nat(300), fc.nat(300))
          .map(([smoothed, highWatermark]) =>
            aLevel({ nominal, lower, upper: nominal + borrowable }, smoothed, highWatermark),
          )
      })
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 8 }), (levels) => {
        const total = levels.reduce((sum, { nominal }) => sum + nominal, 0)
        const given = currents(levels)
        // Each is rounded by itself.
        assert.ok(Math.abs(given.reduce((sum, seats) => sum + seats, 0) - total) <= levels.length / 2 + 1)
        for (const [i, { lower, upper }] of levels.entries()) {
          assert.ok((given[i] ?? 0) >= lower && (given[i] ?? 0) <= upper)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('seat demand', () => {
  it('is integrated over time, with its deviation and its maximum', () => {
    const demand = new SeatDemand(0)
    demand.set(4, 0)
    demand.set(0, 5_000)
    const period = demand.takePeriod(10_000)
    assert.deepEqual(period, { seconds: 10, average: 2, deviation: 2, max: 4 })
    assert.equal(demand.takePeriod(20_000).max, 0)
  })

  it('rises at once and falls by half in five minutes', () => {
    const high = afterPeriod(noDemand, { seconds: 10, average: 100, deviation: 0, max: 100 })
    assert.equal(high.smoothed, 100)
    let low = high
    for (let i = 0; i < 30; i++) low = afterPeriod(low, { seconds: 10, average: 0, deviation: 0, max: 0 })
    assert.ok(Math.abs(low.smoothed - 50) < 1, String(low.smoothed))
  })
})
