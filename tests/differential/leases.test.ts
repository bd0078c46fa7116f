import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { waitFor } from '../harness/wait.ts'
import { type Pair, runSequence } from './compare.ts'
import type { Operation } from './operations.ts'
import { startPair } from './pair.ts'
import type { Side } from './side.ts'

const grant = (ID: number, TTL: number): Operation => ({ op: 'leaseGrant', request: { ID, TTL } })
const put = (key: string, lease: number): Operation => ({ op: 'put', request: { key, lease } })

const deletions = (side: Side): number => JSON.stringify(side.watched()).split('"type":1,').length - 1

describe('leases of etcd-lite, beside those of etcd', () => {
  let pair: Pair & AsyncDisposable

  before(async () => {
    pair = await startPair()
  })

  after(() => pair[Symbol.asyncDispose]())

  it('have times to live within the same bounds', async () => {
    const exact = [0, 1, 2, 3, -1, -5, 60, 8_999_999_999, 9_000_000_000, 9_000_000_001]
    const wide = ['-9223372036854775808', '9223372036854775807', '-9007199254740993', '9007199254740993']
    await runSequence(pair, [
      ...exact.flatMap((ttl): Operation[] => [grant(7, ttl), { op: 'leaseRevoke', request: { ID: 7 } }]),
      ...wide.flatMap((ttl): Operation[] => [
        { op: 'leaseGrant', request: { ID: 7 }, extra: { 1: ttl } },
        { op: 'leaseRevoke', request: { ID: 7 } },
      ]),
    ])
  })

  it('run out with the same events, in the same revisions', async () => {
    await runSequence(pair, [
      { op: 'watchCreate', stream: 0, request: { key: 'a', rangeEnd: '\0', prevKv: true } },
      grant(1, 2),
      grant(2, 3),
      grant(3, 5),
      put('c', 1),
      put('a', 1),
      put('b', 1),
      put('moved', 1),
      put('moved', 2),
      put('alone', 2),
      put('freed', 3),
      { op: 'put', request: { key: 'freed' } },
      { op: 'put', request: { key: 'kept', lease: 3, value: '1' } },
      { op: 'put', request: { key: 'kept', value: '2', ignoreLease: true } },
      { op: 'txn', request: { success: [{ requestPut: { key: 'in a transaction', lease: 2 } }] } },
      { op: 'put', request: { key: 'deleted', lease: 1 } },
      { op: 'deleteRange', request: { key: 'deleted' } },
      { op: 'leaseKeepAlive', ID: 3 },
    ])
    const sides = [pair.etcd, pair.lite]
    // c, a, b of the first; moved, alone, and the transaction's of the second; kept of the third; and the deletion.
    await waitFor(() => sides.every((side) => deletions(side) === 8), { what: 'all leases to run out' })
    assert.deepEqual(pair.lite.watched(), pair.etcd.watched())
    const questions: Operation[] = [
      { op: 'leaseLeases', request: {} },
      { op: 'leaseTimeToLive', request: { ID: 1, keys: true } },
      { op: 'leaseKeepAlive', ID: 2 },
      { op: 'leaseRevoke', request: { ID: 3 } },
      { op: 'range', request: { key: 'a', rangeEnd: '\0' } },
      put('z', 1),
    ]
    for (const question of questions) {
      const [fromEtcd, fromLite] = await Promise.all([pair.etcd.run(question), pair.lite.run(question)])
      assert.deepEqual(fromLite, fromEtcd)
    }
  })
})
