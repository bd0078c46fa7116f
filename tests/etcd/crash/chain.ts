/** One store through all its lives: what is known of it, and the clients that work on it in one life. */
import assert from 'node:assert/strict'
import { EtcdClient } from '../../../component-base/etcd/client.ts'
import type { SeededRandom } from '../../harness/seeded-random.ts'
import { follow } from './check.ts'
import { firstRevision, History } from './history.ts'
import { type LaneContext, leaseLane, newNotes, type Notes, writeLane } from './workload.ts'

const lanes = 6

export interface Chain {
  readonly history: History
  readonly notes: Notes
  readonly random: SeededRandom
  /** The revision up to which history was compared with the calls. */
  checked: number
}

export const newChain = (random: SeededRandom): Chain => ({
  history: new History(),
  notes: newNotes(),
  random,
  checked: firstRevision,
})

/** A watcher of everything, until the server is gone. What it was told must be true: a wrong event is thrown. */
const watchAll = async (endpoint: string, chain: Chain): Promise<void> => {
  using client = new EtcdClient({ endpoints: [endpoint] })
  try {
    await follow(client, chain.history, Number.POSITIVE_INFINITY)
  } catch (err) {
    if (err instanceof assert.AssertionError) throw err
  }
}

export interface Work extends AsyncDisposable {
  readonly context: LaneContext
}

/** Starts the writers and a watcher. Disposal waits until all of them have noticed that the server is gone. */
export const startWork = (endpoint: string, chain: Chain): Work => {
  const { notes, random, history } = chain
  const existing = history.stateAt(history.last).map(({ key }) => key)
  let over = false
  const client = new EtcdClient({ endpoints: [endpoint] })
  const context: LaneContext = { client, notes, random, over: () => over }
  const work = Promise.all([
    watchAll(endpoint, chain),
    leaseLane(context),
    ...Array.from({ length: lanes }, (_, lane) => writeLane(context, lane, new Set(existing))),
  ])
  work.catch(() => {}) // told at the end
  return {
    context,
    [Symbol.asyncDispose]: async () => {
      over = true
      await work
      client.close()
    },
  }
}
