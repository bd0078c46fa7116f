/**
 * The same operations on Debian's etcd and on etcd-lite: every answer, error and event must be the same.
 *
 * ETCD_DIFFERENTIAL_SECONDS: how long to look for differences (default 60). ETCD_DIFFERENTIAL_SEED: run one seed's
 * sequences again.
 */
import { randomInt } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { operations } from './arbitraries.ts'
import { differenceOf, type Pair, runSequence } from './compare.ts'
import { minimise } from './minimise.ts'
import type { Operation } from './operations.ts'
import { startPair } from './pair.ts'
import { regressions } from './regressions.ts'

const seconds = Number(process.env['ETCD_DIFFERENTIAL_SECONDS'] ?? 60)
const givenSeed = process.env['ETCD_DIFFERENTIAL_SEED']
/** Sequences wait more than they work. */
const pairCount = 3
/** Sequences of one seed. */
const batchSize = 20
/** Of waiting for events, while a difference is made smaller. */
const shrinkingPatienceMs = 400

/** Throws the smallest form of a difference, and says how to see it again. */
const explain = async (
  t: TestContext,
  pair: Pair,
  found: { readonly seed: number; readonly sequence: readonly Operation[]; readonly difference: Error },
): Promise<never> => {
  const { seed, sequence, difference } = found
  t.diagnostic(`ETCD_DIFFERENTIAL_SEED=${seed}: ${difference.message}`)
  pair.patience.ms = shrinkingPatienceMs
  const fails = async (fewer: readonly Operation[]): Promise<boolean> => (await differenceOf(pair, fewer)) !== undefined
  await runSequence(pair, await minimise(sequence, fails))
  throw difference // it does not show again
}

describe('etcd-lite, beside etcd', () => {
  let pairs: readonly (Pair & AsyncDisposable)[] = []

  before(async () => {
    pairs = await Promise.all(Array.from({ length: pairCount }, () => startPair()))
  })

  after(async () => {
    for (const pair of pairs) await pair[Symbol.asyncDispose]()
  })

  for (const [name, sequence] of Object.entries(regressions)) {
    it(name, async () => {
      for (const pair of pairs.slice(0, 1)) await runSequence(pair, sequence)
    })
  }

  it(`answers generated sequences alike (for ${seconds} s)`, { timeout: (seconds + 600) * 1000 }, async (t) => {
    const firstSeed = givenSeed === undefined ? randomInt(2 ** 31) : Number(givenSeed)
    const endMs = performance.now() + seconds * 1000
    let nextSeed = firstSeed
    let count = 0
    const search = async (pair: Pair): Promise<void> => {
      while (performance.now() < endMs && (givenSeed === undefined || nextSeed === firstSeed)) {
        const seed = nextSeed++
        for (const sequence of fc.sample(operations, { seed, numRuns: batchSize })) {
          count += sequence.length
          const difference = await differenceOf(pair, sequence)
          if (difference !== undefined) await explain(t, pair, { seed, sequence, difference })
        }
      }
    }
    await Promise.all(pairs.map(search))
    t.diagnostic(`${count} operations, from ETCD_DIFFERENTIAL_SEED=${firstSeed} on`)
  })
})
