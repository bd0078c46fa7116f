/**
 * Many clients, a server that is killed with -9 again and again: every answer must be that of one store used by one
 * caller at a time, and every watcher must see all of its history once, in order.
 *
 * ETCD_LINEARIZABILITY_ROUNDS: how often the server is killed (default 12).
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import { sleep } from '../../../component-base/clock.ts'
import type { EtcdClient } from '../../../component-base/etcd/client.ts'
import { startEtcd, type TestEtcd } from '../../harness/etcd.ts'
import { waitFor } from '../../harness/wait.ts'
import { isLinearizable } from './checker.ts'
import { bytes, History } from './history.ts'
import {
  type BankInput,
  bankModel,
  type BankOutput,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from './models.ts'
import { follow, problemsOf, type Seen } from './watcher.ts'
import { openBank, useBank, useRegister } from './workers.ts'

const rounds = Number(process.env['ETCD_LINEARIZABILITY_ROUNDS'] ?? 12)
const registers = 4
const workersOfRegister = 3
const bankWorkers = 3
const accounts = 4
const startBalance = 100
/** Between two calls of a worker: what overlaps most is what is checked slowest. */
const pauseMs = 4

const forever = async (signal: AbortSignal, act: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    await act()
    await sleep(randomInt(2 * pauseMs))
  }
}

/** Kills the server in the midst of its work: after some answers of every round. */
const killAgainAndAgain = async (server: TestEtcd, answered: () => number): Promise<void> => {
  for (let round = 0; round <= rounds; round++) {
    const enough = answered() + 60 + randomInt(200)
    await waitFor(() => answered() >= enough, { what: `${enough} answers` })
    if (round === rounds) return
    await sleep(randomInt(20))
    await server.restart('SIGKILL')
  }
}

interface Range {
  readonly key: Buffer
  readonly rangeEnd: Buffer
}

const all: Range = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) }

/** Everything that is in the store now, and all of its history, read again from the first revision. */
const readBack = async (
  client: EtcdClient,
): Promise<{ history: Seen[]; state: Map<string, string>; revision: number }> => {
  const { kvs, header } = await waitFor(() => client.range(all), { what: 'the server to answer' })
  const revision = header?.revision ?? 0
  const history: Seen[] = []
  const done = new AbortController()
  const following = follow(client, all, history, done.signal)
  await waitFor(() => (history.at(-1)?.revision ?? 0) >= revision, { what: 'the whole history' })
  done.abort()
  await following
  return { history, revision, state: new Map(kvs.map(({ key, value }) => [key.toString(), value.toString()])) }
}

describe('a server that is killed again and again', () => {
  it('answers as one store, and tells watchers everything once, in order', { timeout: 300_000 }, async (t) => {
    await using server = await startEtcd({ kind: 'etcd-lite' })
    await openBank(server.client, accounts, startBalance)
    const stop = new AbortController()
    const { signal } = stop
    const histories = Array.from({ length: registers }, () => new History<RegisterInput, RegisterOutput>())
    const bank = new History<BankInput, BankOutput>()
    let serial = 0
    const registerWork = histories.flatMap((history, register) =>
      Array.from({ length: workersOfRegister }, async () => {
        const client = server.newClient()
        let seen: string | undefined
        await forever(signal, async () => {
          seen = await useRegister({ client, history, random: randomInt }, `register/${register}`, `${++serial}`, seen)
        })
      }),
    )
    const bankWork = Array.from({ length: bankWorkers }, () => {
      const client = server.newClient()
      return forever(signal, () => useBank({ client, history: bank, random: randomInt }, accounts, `mark/${++serial}`))
    })
    const watched: Seen[][] = [[], [], []]
    const ranges: readonly Range[] = [
      all,
      { key: bytes('register/1'), rangeEnd: bytes('register/3') },
      { key: bytes('bank/'), rangeEnd: bytes('bank0') },
    ]
    const watchStop = new AbortController()
    const watchers = watched.map((seen, i) => follow(server.newClient(), ranges[i] ?? all, seen, watchStop.signal))
    const work = Promise.all([...registerWork, ...bankWork])
    const answered = (): number => [...histories, bank].reduce((sum, { answered: count }) => sum + count, 0)
    await Promise.race([killAgainAndAgain(server, answered), work, Promise.all(watchers)])
    stop.abort()
    await work

    const { history, state, revision } = await readBack(server.newClient())
    await waitFor(() => (watched[0]?.at(-1)?.revision ?? 0) >= revision, { what: 'the watchers to be up to date' })
    watchStop.abort()
    await Promise.all(watchers)

    const lost = [...histories, bank].reduce((sum, { calls }) => sum + calls.length, 0) - answered()
    t.diagnostic(`${rounds} kills, ${answered()} answered calls, ${lost} lost ones, ${history.length} events`)
    const revisionOf = new Map(history.map(({ key, value, revision: at }) => [`${key}=${value}`, at]))
    for (const [register, found] of histories.entries()) {
      const calls = found.settled((input) => {
        if (input.op === 'read' || input.op === 'delete') return 'unknown'
        const at = revisionOf.get(`register/${register}=${input.op === 'write' ? input.value : input.to}`)
        return at === undefined ? 'absent' : { succeeded: true, revision: at }
      })
      assert.ok(isLinearizable(registerModel, calls), `register ${register}: ${JSON.stringify(calls)}`)
    }
    const transfers = bank.settled((input) => {
      const at = input.op === 'read' ? undefined : revisionOf.get(`${input.mark}=`)
      return at === undefined ? 'absent' : { succeeded: true, revision: at }
    })
    assert.ok(isLinearizable(bankModel(accounts, startBalance), transfers), `bank: ${JSON.stringify(transfers)}`)
    assert.deepEqual(watched.flatMap(problemsOf), [])
    assert.deepEqual(watched[0], history)
    const within = ({ key, rangeEnd }: Range): Seen[] =>
      history.filter((event) => event.key >= key.toString() && event.key < rangeEnd.toString())
    assert.deepEqual(watched.slice(1), ranges.slice(1).map(within))
    const replayed = new Map<string, string>()
    for (const { key, value } of history) {
      if (value === undefined) replayed.delete(key)
      else replayed.set(key, value)
    }
    assert.deepEqual(replayed, state)
  })
})
