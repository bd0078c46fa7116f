/**
 * The same calls, by the same users, on Debian's etcd and on etcd-lite: what is allowed, what is refused and how, and
 * what is answered must be the same, but for what `auth/exceptions.ts` names.
 *
 * ETCD_DIFFERENTIAL_SECONDS: how long to look (default 60). ETCD_DIFFERENTIAL_SEED: run one seed's scenarios again.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import { exceptionFor, exceptions } from './auth/exceptions.ts'
import { type As, type AuthOperation, type Scenario, scenarios } from './auth/operations.ts'
import { AuthSide } from './auth/side.ts'

const seconds = Number(process.env['ETCD_DIFFERENTIAL_SECONDS'] ?? 60)
const givenSeed = process.env['ETCD_DIFFERENTIAL_SEED']

/** Calls that change nothing, so that a scenario can go on after an exception. */
const reads: ReadonlySet<string> = new Set([
  'range',
  'watch',
  'userGet',
  'userList',
  'roleGet',
  'roleList',
  'leaseTimeToLive',
  'leaseLeases',
  'memberList',
  'status',
  'alarm',
])

const by = (as: As, op: string, request: AuthOperation['request'] = {}): AuthOperation => ({ op, as, request })

/** Users ann and bob with a role each, auth on, everybody logged in; two leases, one with a key, which root made. */
const setup = (granted: Scenario['granted']): AuthOperation[] => [
  ...['root', 'ann', 'bob'].map((name) => by('nobody', 'userAdd', { name, password: 'p1' })),
  ...['r1', 'r2'].map((name) => by('nobody', 'roleAdd', { name })),
  ...granted.map(({ role, perm }) => by('nobody', 'roleGrantPermission', { name: role, perm })),
  ...[1, 2].map((ID) => by('nobody', 'leaseGrant', { TTL: 600, ID })),
  by('nobody', 'put', { key: 'd', value: 'x', lease: 2 }),
  by('nobody', 'userGrantRole', { user: 'root', role: 'root' }),
  by('nobody', 'userGrantRole', { user: 'ann', role: 'r1' }),
  by('nobody', 'userGrantRole', { user: 'bob', role: 'r2' }),
  by('nobody', 'authEnable'),
  ...['root', 'ann', 'bob'].map((name) => by('nobody', 'login', { name, password: 'p1' })),
]

describe('auth of etcd-lite, beside etcd', () => {
  let servers: readonly TestEtcd[] = []
  let etcd: AuthSide
  let lite: AuthSide
  let calls = 0
  const met = new Map<string, number>()

  before(async () => {
    const flags = ['--bcrypt-cost=4']
    servers = await Promise.all([startEtcd({ kind: 'etcd', flags }), startEtcd({ kind: 'etcd-lite', flags })])
    const [first, second] = servers.map(({ endpoint }) => new AuthSide(endpoint))
    assert.ok(first !== undefined && second !== undefined)
    etcd = first
    lite = second
  })

  after(async () => {
    etcd.close()
    lite.close()
    for (const server of servers) await server[Symbol.asyncDispose]()
  })

  const both = (operation: AuthOperation): Promise<[unknown, unknown]> =>
    Promise.all([etcd.run(operation), lite.run(operation)])
  const resetBoth = (): Promise<unknown> => Promise.all([etcd.reset(), lite.reset()])

  const compare = async ({ granted, operations }: Scenario): Promise<void> => {
    await resetBoth()
    for (const operation of [...setup(granted), ...operations]) {
      const [fromEtcd, fromLite] = await both(operation)
      calls++
      if (isDeepStrictEqual(fromEtcd, fromLite)) continue
      const exception = exceptionFor({ operation, etcd: fromEtcd, lite: fromLite })
      if (exception === undefined) assert.deepEqual({ operation, answer: fromLite }, { operation, answer: fromEtcd })
      else met.set(exception.name, (met.get(exception.name) ?? 0) + 1)
      if (!reads.has(operation.op)) return // the servers may be in different states now
    }
  }

  it(`answers generated scenarios alike (for ${seconds} s)`, { timeout: (seconds + 600) * 1000 }, async (t) => {
    const seed = givenSeed === undefined ? randomInt(2 ** 31) : Number(givenSeed)
    let running = Promise.resolve()
    const property = fc.asyncProperty(scenarios, (scenario) => {
      running = compare(scenario)
      return running
    })
    try {
      await fc.assert(property, { seed, numRuns: 100_000, interruptAfterTimeLimit: seconds * 1000 })
      await running // it was left alone when time was over
    } finally {
      t.diagnostic(`${calls} calls, ETCD_DIFFERENTIAL_SEED=${seed}`)
      for (const [name, count] of met) t.diagnostic(`${count} times: ${name}`)
    }
  })

  const read = { permType: 0, key: 'a', rangeEnd: '' }
  const write = { permType: 1, key: 'a', rangeEnd: '' }
  const readB = { permType: 0, key: 'b', rangeEnd: '' }
  /** For each exception a sequence whose last call shows it. */
  const examples: Readonly<Record<string, readonly AuthOperation[]>> = {
    'a token is looked at while auth is off (3.5 does not)': [
      by('root', 'authDisable'),
      by('stranger', 'range', { key: 'a' }),
    ],
    'leases, members, status and alarms need no user': [by('nobody', 'leaseGrant', { TTL: 600, ID: 1 })],
    'keys of a lease are shown, and kept alive, without permission': [
      by('ann', 'leaseTimeToLive', { ID: 2, keys: true }),
    ],
    'compaction needs no root role': [by('root', 'put', { key: 'a' }), by('ann', 'compact', { revision: 'newest' })],
    'operations of a nested transaction need no permission': [
      by('ann', 'txn', {
        success: [{ requestTxn: { success: [{ requestPut: { key: 'c', lease: 0, prevKv: false } }] } }],
      }),
    ],
    'lease and previous value of a put in a transaction need no permission': [
      by('bob', 'txn', { success: [{ requestPut: { key: 'a', lease: 0, prevKv: true } }] }),
    ],
    'a watch to the end of all keys needs permission for its first key alone': [
      by('ann', 'watch', { key: 'a', rangeEnd: '\0' }),
    ],
  }

  for (const { name } of exceptions) {
    it(`refuses where etcd 3.4: ${name}`, async () => {
      await resetBoth()
      const granted = [
        { role: 'r1', perm: read },
        { role: 'r2', perm: write },
        { role: 'r2', perm: readB },
      ]
      const operations = [...setup(granted), ...(examples[name] ?? [])]
      const last = operations.at(-1)
      assert.ok(last !== undefined && name in examples, 'an exception without an example')
      for (const operation of operations.slice(0, -1)) {
        const [fromEtcd, fromLite] = await both(operation)
        assert.deepEqual(fromLite, fromEtcd)
      }
      const [fromEtcd, fromLite] = await both(last)
      assert.equal(exceptionFor({ operation: last, etcd: fromEtcd, lite: fromLite })?.name, name)
    })
  }
})
