/** What the clients of the linearizability test do: registers by key, and a bank in transactions. */
import type { EtcdClient } from '../../../component-base/etcd/client.ts'
import { compareResult, compareTarget } from '../../../component-base/etcd/messages.ts'
import { bytes, type History } from './history.ts'
import type { BankInput, BankOutput, RegisterInput, RegisterOutput } from './models.ts'

const callTimeoutMs = 2000
const options = { timeoutMs: callTimeoutMs }

export type Random = (below: number) => number

const askRegister = async (client: EtcdClient, name: string, input: RegisterInput): Promise<RegisterOutput> => {
  const key = bytes(name)
  switch (input.op) {
    case 'read': {
      const { kvs } = await client.range({ key }, options)
      return { value: kvs[0]?.value.toString(), revision: kvs[0]?.modRevision ?? 0 }
    }
    case 'write': {
      const { header } = await client.put({ key, value: bytes(input.value) }, options)
      return { succeeded: true, revision: header?.revision ?? 0 }
    }
    case 'delete': {
      const { header } = await client.deleteRange({ key }, options)
      return { succeeded: true, revision: header?.revision ?? 0 }
    }
    case 'compare-and-set': {
      const compare =
        input.from === undefined
          ? { key, target: compareTarget.version, result: compareResult.equal, version: 0 }
          : { key, target: compareTarget.value, result: compareResult.equal, value: bytes(input.from) }
      const success = [{ requestPut: { key, value: bytes(input.to) } }]
      const { succeeded, header } = await client.txn({ compare: [compare], success }, options)
      return { succeeded, revision: header?.revision ?? 0 }
    }
  }
}

/** One call on a register; `seen` is what this worker read last. Returns what it knows of the value then. */
export const useRegister = async (
  { client, history, random }: { client: EtcdClient; history: History<RegisterInput, RegisterOutput>; random: Random },
  name: string,
  unique: string,
  seen: string | undefined,
): Promise<string | undefined> => {
  const dice = random(10)
  const input: RegisterInput =
    dice < 4
      ? { op: 'read' }
      : dice < 6
        ? { op: 'write', value: unique }
        : dice < 7
          ? { op: 'delete' }
          : { op: 'compare-and-set', from: seen, to: unique }
  const output = await history.record(input, input.op === 'read' ? 'read' : 'write', () =>
    askRegister(client, name, input),
  )
  if (output === undefined) return seen
  if ('value' in output) return output.value
  if (input.op === 'write') return input.value
  return input.op === 'compare-and-set' && output.succeeded ? input.to : undefined
}

const account = (index: number): Buffer => bytes(`bank/${index}`)
const everyAccount = { key: bytes('bank/'), rangeEnd: bytes('bank0') }

export const openBank = async (client: EtcdClient, accounts: number, start: number): Promise<void> => {
  const success = Array.from({ length: accounts }, (_, i) => ({
    requestPut: { key: account(i), value: bytes(`${start}`) },
  }))
  await client.txn({ success })
}

/** Reads all balances, and moves money by what it read. */
export const useBank = async (
  { client, history, random }: { client: EtcdClient; history: History<BankInput, BankOutput>; random: Random },
  accounts: number,
  mark: string,
): Promise<void> => {
  const read = await history.record({ op: 'read' }, 'read', async () => {
    const { kvs, header } = await client.range(everyAccount, options)
    return { balances: kvs.map(({ value }) => Number(value.toString())), revision: header?.revision ?? 0 }
  })
  if (read === undefined || !('balances' in read)) return
  const from = random(accounts)
  const to = (from + 1 + random(accounts - 1)) % accounts
  const expected = [read.balances[from] ?? 0, read.balances[to] ?? 0] as const
  const input: BankInput = { op: 'transfer', from, to, expected, amount: 1 + random(5), mark }
  const is = (index: number, balance: number): object => ({
    key: account(index),
    target: compareTarget.value,
    result: compareResult.equal,
    value: bytes(`${balance}`),
  })
  const set = (index: number, balance: number): object => ({
    requestPut: { key: account(index), value: bytes(`${balance}`) },
  })
  await history.record(input, 'write', async () => {
    const { succeeded, header } = await client.txn(
      {
        compare: [is(from, expected[0]), is(to, expected[1])],
        success: [
          set(from, expected[0] - input.amount),
          set(to, expected[1] + input.amount),
          { requestPut: { key: bytes(mark) } },
        ],
      },
      options,
    )
    return { succeeded, revision: header?.revision ?? 0 }
  })
}
