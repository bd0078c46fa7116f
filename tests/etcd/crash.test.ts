/**
 * A store that is killed at random instants, hundreds of times: while it starts, writes, compacts, defragments, stops.
 * KUBETS_SEED repeats the choices of a run (the instants are the machine's); KUBETS_CRASH_KILLS makes it longer.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { maintenance } from '../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { runSeed, seededRandom } from '../harness/seeded-random.ts'
import { type StoreProcess, spawnStore } from '../harness/store-process.ts'
import { type Chain, newChain, startWork } from './crash/chain.ts'
import { checkStore } from './crash/check.ts'
import { compactOnce } from './crash/workload.ts'

const kills = Number(process.env['KUBETS_CRASH_KILLS'] ?? 320)
/** Stores at the same time: one for each core of CI's machine. */
const chains = 2

type Moment = 'starting' | 'writing' | 'compacting' | 'defragmenting' | 'stopping'
const moments = [
  'starting',
  'starting',
  'writing',
  'writing',
  'writing',
  'compacting',
  'defragmenting',
  'stopping',
] as const

const defragment = async (endpoint: string): Promise<void> => {
  const channel = new GrpcChannel({ endpoints: [endpoint], userAgent: 'kubets-tests' })
  try {
    await channel.unary(maintenance.defragment, {}, {})
  } catch {
    // The server is gone.
  } finally {
    channel.close()
  }
}

/** Lets a server work until the moment comes, and kills it then. */
const workAndKill = async (store: StoreProcess, endpoint: string, chain: Chain, moment: Moment): Promise<void> => {
  const { random, history } = chain
  await using work = startWork(endpoint, chain)
  await delay(random.below(moment === 'writing' ? 220 : 90))
  const also: Promise<void>[] = []
  if (moment === 'compacting') also.push(compactOnce(work.context, history.last, random.oneIn(2)))
  if (moment === 'defragmenting') also.push(defragment(endpoint))
  if (moment === 'stopping') store.child.kill('SIGTERM')
  if (moment !== 'writing') await delay(random.below(25))
  else if (random.oneIn(3)) await compactOnce(work.context, history.last, false)
  const { code, signal } = await store.kill()
  assert.ok(signal === 'SIGKILL' || moment === 'stopping', `it ended by itself (${code ?? signal}): ${store.log()}`)
  await Promise.all(also)
}

/** Runs one store through its lives; returns how many writes were acknowledged. */
const runChain = async (seed: number, lifes: number): Promise<number> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'etcd-lite-crash-'))
  const random = seededRandom(seed)
  const chain = newChain(random)
  let store: StoreProcess | undefined
  try {
    for (let life = 0; life < lifes; life++) {
      store = spawnStore(dataDir)
      const moment = random.pick(moments)
      if (moment === 'starting') {
        await Promise.race([delay(random.below(300)), store.ended])
        const { signal } = await store.kill()
        assert.equal(signal, 'SIGKILL', `it ended by itself: ${store.log()}`)
        continue
      }
      const endpoint = await store.ready
      await checkStore(endpoint, chain, 'quick')
      await workAndKill(store, endpoint, chain, moment)
    }
    store = spawnStore(dataDir)
    await checkStore(await store.ready, chain, 'full')
    assert.deepEqual(await store.kill('SIGTERM'), { code: 0, signal: null })
    return chain.notes.acknowledged
  } finally {
    await store?.kill()
    if (process.env['KUBETS_KEEP'] === undefined) rmSync(dataDir, { recursive: true, force: true })
  }
}

describe('a store that is killed', { concurrency: chains }, () => {
  for (let i = 0; i < chains; i++) {
    const seed = runSeed() + i
    it(`has all that was acknowledged, in order and whole, after ${kills / chains} kills`, async (t) => {
      t.diagnostic(`KUBETS_SEED=${seed}`)
      const acknowledged = await runChain(seed, kills / chains)
      t.diagnostic(`${acknowledged} acknowledged writes`)
      assert.ok(acknowledged > kills * 5, `only ${acknowledged} writes were acknowledged`)
    })
  }
})
