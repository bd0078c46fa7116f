/**
 * The same operations on Debian's etcd and on etcd-lite: every answer, error and event must be the same.
 *
 * ETCD_DIFFERENTIAL_SECONDS: how long to look for differences (default 60). ETCD_DIFFERENTIAL_SEED: run one seed's sequences again.
 */
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import { operations } from './arbitraries.ts'
import { differenceOf, type Pair, runSequence } from './compare.ts'
import { minimise } from './minimise.ts'
import type { Operation } from './operations.ts'
import { regressions } from './regressions.ts'
import { Side } from './side.ts'

const seconds = Number(process.env['ETCD_DIFFERENTIAL_SECONDS'] ?? 60)
/** Events may be on their way: a real etcd looks at watchers of the past ten times a second. */
const patienceMs = 1500
const shrinkingPatienceMs = 400
/** Sequences of one seed. */
const batchSize = 20
const givenSeed = process.env['ETCD_DIFFERENTIAL_SEED']

describe('etcd-lite, beside etcd', () => {
  let servers: readonly TestEtcd[] = []
  let pair: Pair
  const patience = { ms: patienceMs }

  before(async () => {
    servers = await Promise.all([startEtcd({ kind: 'etcd' }), startEtcd({ kind: 'etcd-lite' })])
    const [etcd, lite] = servers.map(({ kind, endpoint }) => new Side(kind, endpoint, patience))
    if (etcd === undefined || lite === undefined) throw new Error('a server is missing')
    pair = { etcd, lite, patience }
  })

  after(async () => {
    pair.etcd.close()
    pair.lite.close()
    for (const server of servers) await server[Symbol.asyncDispose]()
  })

  for (const [name, sequence] of Object.entries(regressions)) {
    it(name, () => runSequence(pair, sequence))
  }

  it(`answers generated sequences alike (for ${seconds} s)`, { timeout: (seconds + 600) * 1000 }, async (t) => {
    const firstSeed = givenSeed === undefined ? randomInt(2 ** 31) : Number(givenSeed)
    const endMs = performance.now() + seconds * 1000
    let count = 0
    for (let seed = firstSeed; performance.now() < endMs; seed++) {
      const batch = fc.sample(operations, { seed, numRuns: batchSize })
      for (const sequence of batch) {
        count += sequence.length
        const difference = await differenceOf(pair, sequence)
        if (difference === undefined) continue
        t.diagnostic(`ETCD_DIFFERENTIAL_SEED=${seed}: ${difference.message}`)
        patience.ms = shrinkingPatienceMs
        const fails = async (fewer: readonly Operation[]): Promise<boolean> =>
          (await differenceOf(pair, fewer)) !== undefined
        await runSequence(pair, await minimise(sequence, fails))
        throw difference // it does not show again
      }
      if (givenSeed !== undefined) break
    }
    t.diagnostic(`${count} operations, from ETCD_DIFFERENTIAL_SEED=${firstSeed} on`)
  })
})
