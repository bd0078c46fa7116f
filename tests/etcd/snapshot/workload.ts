/** A history with everything in it that a snapshot has to carry. */
import assert from 'node:assert/strict'
import type { EtcdClient } from '../../../component-base/etcd/client.ts'
import type { RequestOpInit } from '../../../component-base/etcd/messages.ts'
import type { SeededRandom } from '../../harness/seeded-random.ts'
import type { TestEtcd } from '../../harness/etcd.ts'

const keyOf = (random: SeededRandom): Buffer => Buffer.from(`k${random.below(60)}`)

const valueOf = (random: SeededRandom): Buffer => {
  const size = random.oneIn(40) ? 5000 + random.below(300_000) : random.below(200)
  return Buffer.alloc(size, random.below(256))
}

/** Operations of a transaction, on keys that are not the same. */
const txnOps = (random: SeededRandom, lease: bigint): RequestOpInit[] => {
  const ops: RequestOpInit[] = []
  for (let i = random.below(4); i >= 0; i--) {
    const key = Buffer.from(`t${random.below(10)}-${i}`)
    ops.push(
      random.oneIn(4)
        ? { requestDeleteRange: { key: Buffer.from(`t${random.below(10)}-x${i}`), rangeEnd: Buffer.from('t9') } }
        : { requestPut: { key, value: valueOf(random), lease: random.oneIn(3) ? lease : 0n } },
    )
  }
  return ops.some(({ requestDeleteRange }) => requestDeleteRange !== undefined) ? ops.slice(0, 1) : ops
}

/** Puts, deletions, transactions, leases and a compaction in the middle. Returns the compacted revision. */
export const writeHistory = async (client: EtcdClient, random: SeededRandom, steps: number): Promise<number> => {
  const leases: bigint[] = []
  for (let i = 0; i < 3; i++) leases.push((await client.leaseGrant({ TTL: 1000 + i })).ID)
  let compacted = 0
  for (let step = 0; step < steps; step++) {
    const lease = leases[random.below(3)] ?? 0n
    const kind = random.below(10)
    if (kind < 6) {
      await client.put({ key: keyOf(random), value: valueOf(random), lease: random.oneIn(3) ? lease : 0n })
    } else if (kind < 8) await client.deleteRange({ key: keyOf(random) })
    else await client.txn({ success: txnOps(random, lease) })
    if (step === Math.floor(steps / 2)) {
      const { header } = await client.range({ key: Buffer.from('x') })
      compacted = (header?.revision ?? 0) - 5
      await client.compact({ revision: compacted, physical: true })
    }
  }
  return compacted
}

/** Users and roles, and auth switched on at the end. */
export const enableAuth = async (etcd: TestEtcd): Promise<void> => {
  const commands = [
    'user add root:rootpw',
    'user grant-role root root',
    'role add reader',
    'role grant-permission reader read k --prefix',
    'user add ann:annpw',
    'user grant-role ann reader',
    'auth enable',
  ]
  for (const command of commands) {
    // A real etcd has the role root already.
    const { code, stderr } = await etcd.etcdctl(...command.split(' '))
    assert.equal(code, 0, `${command}: ${stderr}`)
  }
}
