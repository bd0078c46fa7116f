import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { alarmAction, alarmType, downgradeAction } from '../../component-base/etcd/maintenance-messages.ts'
import { cluster, maintenance } from '../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'
import { waitFor } from '../harness/wait.ts'
import { hashKv } from './snapshot/observe.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const kinds = ['etcd', 'etcd-lite'] satisfies EtcdKind[]

/** Bytes that do not compress. */
const noise = (length: number): Buffer => {
  const buffer = Buffer.alloc(length)
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(buffer.subarray(at, Math.min(length, at + 65_536)))
  }
  return buffer
}

/** A channel for what EtcdClient has no method for. */
const openChannel = (etcd: TestEtcd): Disposable & { readonly unary: GrpcChannel['unary'] } => {
  const channel = new GrpcChannel({ endpoints: [etcd.endpoint] })
  return { unary: channel.unary.bind(channel), [Symbol.dispose]: () => channel.close() }
}

const failsWith = async (call: Promise<unknown>, code: number, details: string): Promise<void> => {
  await assert.rejects(call, (err) => {
    assert.ok(err instanceof GrpcError)
    assert.deepEqual([err.code, err.details], [code, details])
    return true
  })
}

const memberId = async (etcd: TestEtcd): Promise<bigint> => {
  using channel = openChannel(etcd)
  const { members } = await channel.unary(cluster.memberList, {})
  return members[0]?.ID ?? 0n
}

describe('a cluster of one', () => {
  it('answers etcdctl as a real etcd of one member does', async () => {
    await using real = await startEtcd({ kind: 'etcd' })
    await using lite = await startEtcd({ kind: 'etcd-lite' })
    const answers = async (etcd: TestEtcd): Promise<unknown[]> => {
      const id = (await memberId(etcd)).toString(16)
      const peer = (await etcd.etcdctl('member', 'list')).stdout.split(', ')[3] ?? ''
      const commands = [
        ['member', 'list'],
        ['member', 'remove', id],
        ['member', 'remove', '1234'],
        ['member', 'promote', id],
        ['member', 'promote', '1234'],
        ['member', 'update', '1234', '--peer-urls=http://x:1'],
        ['member', 'add', 'x', `--peer-urls=${peer}`],
        ['member', 'update', id, `--peer-urls=${peer},http://127.0.0.1:9`],
        ['member', 'list'],
        ['move-leader', '1234'],
        ['move-leader', id],
        ['alarm', 'list'],
        ['alarm', 'disarm'],
        ['endpoint', 'hashkv'],
        ['endpoint', 'status', '-w', 'table'],
        ['endpoint', 'health'],
        ['defrag'],
      ]
      const found: unknown[] = []
      for (const command of commands) {
        const { code, stdout, stderr } = await etcd.etcdctl(...command)
        const shown = `${stdout}${stderr}`
          .split('\n')
          .filter((line) => !line.startsWith('{"level"'))
          .join('\n')
          .replaceAll(id, '<id>')
          .replaceAll(peer, '<peer>')
          .replaceAll(etcd.endpoint, '<endpoint>')
          .replaceAll(/cluster +[0-9a-f]+|took = \S+|\d+(\.\d+)? [kM]?B| *3\.[45]\.\d+ *|\d+ \|/g, '<>')
          .replaceAll(/[-+ ]+/g, ' ')
        found.push([command.join(' ').replaceAll(id, '<id>').replaceAll(peer, '<peer>'), code, shown])
      }
      return found
    }
    assert.deepEqual(await answers(lite), await answers(real))
    const { stderr, code } = await lite.etcdctl('member', 'add', 'x', '--peer-urls=http://127.0.0.1:10')
    assert.equal(code, 1)
    assert.match(stderr, /cluster of one/)
    await lite.restart()
    assert.match((await lite.etcdctl('member', 'list')).stdout, /http:\/\/127.0.0.1:9,/)
  })

  it('answers over TLS too when etcdctl asks an endpoint by its URL', async () => {
    await using etcd = await startEtcd({ kind: 'etcd-lite', tls: 'mutual' })
    for (const command of [['status'], ['hashkv'], ['health']]) {
      const { code, stdout, stderr } = await etcd.etcdctl('endpoint', ...command)
      assert.equal(code, 0, stderr)
      assert.ok(`${stdout}${stderr}`.includes(etcd.endpoint))
    }
  })

  it('knows what it can be downgraded to, and says that it cannot', async () => {
    await using etcd = await startEtcd({ kind: 'etcd-lite' })
    using channel = openChannel(etcd)
    const downgrade = (action: number, version: string): Promise<{ readonly version: string }> =>
      channel.unary(maintenance.downgrade, { action, version })
    assert.equal((await downgrade(downgradeAction.validate, '3.4.9')).version, '3.5.0')
    assert.equal((await downgrade(downgradeAction.validate, '3.4')).version, '3.5.0')
    await failsWith(downgrade(downgradeAction.validate, '3.3'), 3, 'etcdserver: invalid downgrade target version')
    await failsWith(downgrade(downgradeAction.validate, 'x'), 3, 'etcdserver: wrong downgrade target version format')
    await failsWith(downgrade(downgradeAction.cancel, ''), 9, 'etcdserver: no inflight downgrade job')
    await assert.rejects(downgrade(downgradeAction.enable, '3.4'), /not implemented/)
  })
})

for (const kind of kinds) {
  describe(`alarms of ${kind}`, () => {
    it('belong to a member and a type, and outlive a restart', async () => {
      await using etcd = await startEtcd({ kind })
      using channel = openChannel(etcd)
      const alarm = async (action: number, member: bigint, type: number): Promise<unknown> => {
        const { alarms } = await channel.unary(maintenance.alarm, { action, memberID: member, alarm: type })
        return alarms
          .map(({ memberID, alarm: found }) => [memberID, found])
          .toSorted(([, a = 0], [, b = 0]) => Number(a) - Number(b))
      }
      const { activate, deactivate, get } = alarmAction
      // 3.4 keeps an alarm that is none.
      if (kind === 'etcd-lite') assert.deepEqual(await alarm(activate, 7n, alarmType.none), [])
      assert.deepEqual(await alarm(activate, 7n, alarmType.noSpace), [[7n, 1]])
      assert.deepEqual(await alarm(activate, 7n, alarmType.noSpace), [[7n, 1]])
      assert.deepEqual(await alarm(activate, 8n, alarmType.corrupt), [[8n, 2]])
      assert.deepEqual(await alarm(get, 5n, alarmType.none), [
        [7n, 1],
        [8n, 2],
      ])
      assert.deepEqual(await alarm(get, 0n, alarmType.corrupt), [[8n, 2]])
      assert.deepEqual(await alarm(deactivate, 0n, alarmType.corrupt), [])
      assert.deepEqual(await alarm(deactivate, 8n, alarmType.corrupt), [[8n, 2]])
      const { errors } = await etcd.client.status()
      assert.deepEqual(errors, ['memberID:7 alarm:NOSPACE '])
      await etcd.restart()
      await waitFor(() => etcd.client.status(), { what: 'the restarted server' })
      assert.equal((await etcd.etcdctl('alarm', 'list')).stdout, 'memberID:7 alarm:NOSPACE \n')
      assert.equal((await etcd.etcdctl('alarm', 'disarm')).stdout, 'memberID:7 alarm:NOSPACE \n')
      assert.equal((await etcd.etcdctl('alarm', 'list')).stdout, '')
    })

    it('stop all writes when the store is corrupt, and no reads', async () => {
      await using etcd = await startEtcd({ kind })
      using channel = openChannel(etcd)
      const { client } = etcd
      const { ID } = await client.leaseGrant({ TTL: 100 })
      await client.put({ key: bytes('a'), value: bytes('1'), lease: ID })
      await client.put({ key: bytes('a'), value: bytes('2'), lease: ID })
      await channel.unary(maintenance.alarm, { action: alarmAction.activate, memberID: 0n, alarm: alarmType.corrupt })
      const put = { requestPut: { key: bytes('a'), value: bytes('3') } }
      const writes = [
        () => client.put({ key: bytes('a'), value: bytes('3') }),
        () => client.deleteRange({ key: bytes('a') }),
        () => client.txn({ success: [put] }),
        () => client.compact({ revision: 2 }),
        () => client.leaseGrant({ TTL: 5 }),
        () => client.leaseRevoke(ID),
      ]
      for (const write of writes) await failsWith(write(), 15, 'etcdserver: corrupt cluster')
      const read = { requestRange: { key: bytes('a') } }
      assert.equal((await client.range({ key: bytes('a') })).kvs[0]?.value.toString(), '2')
      assert.equal((await client.txn({ success: [read] })).responses.length, 1)
      assert.equal((await client.leaseKeepAlive(ID))?.TTL, 100)
      assert.equal((await etcd.etcdctl('alarm', 'disarm')).code, 0)
      for (const write of writes) await write()
    })

    it('say that there is no space before the quota is passed; freed space is used again', async () => {
      const quota = 8 << 20
      await using etcd = await startEtcd({ kind, flags: [`--quota-backend-bytes=${quota}`] })
      const { client } = etcd
      const value = noise(100_000)
      let puts = 0
      let failure: unknown
      while (failure === undefined && puts < 200) {
        await client.put({ key: bytes(`k${puts % 7}`), value }).then(
          () => puts++,
          (err: unknown) => {
            failure = err
          },
        )
      }
      assert.ok(failure instanceof GrpcError)
      assert.deepEqual([failure.code, failure.details], [8, 'etcdserver: mvcc: database space exceeded'])
      // A real etcd's file grows in steps of its own, whatever the quota says: by how much is not ours to hold.
      if (kind === 'etcd-lite') assert.ok((await client.status()).dbSize <= quota, 'the quota was passed')
      // Not long before either: a value is written to LevelDB's log and, for a while, to a table.
      assert.ok(puts > 30, `only ${puts} values of 100 kB were taken`)
      const put = { requestPut: { key: bytes('x'), value: bytes('1') } }
      const range = { requestRange: { key: bytes('x') } }
      const full = 'etcdserver: mvcc: database space exceeded'
      await failsWith(client.put({ key: bytes('x') }), 8, full)
      await failsWith(client.txn({ success: [range], failure: [put] }), 8, full)
      await failsWith(client.leaseGrant({ TTL: 100 }), 8, full)
      await client.txn({ success: [range, { requestDeleteRange: { key: bytes('k0') } }] })
      const { header } = await client.deleteRange({ key: bytes('k'), rangeEnd: bytes('l') })
      await client.compact({ revision: header?.revision ?? 0, physical: true })
      // A real etcd frees pages only when it writes again.
      if (kind === 'etcd-lite') assert.ok((await client.status()).dbSizeInUse < 1_000_000)
      assert.match((await etcd.etcdctl('defrag')).stdout, /Finished defragmenting/)
      assert.ok((await client.status()).dbSize < 1_000_000)
      await failsWith(client.put({ key: bytes('x') }), 8, full)
      assert.match((await etcd.etcdctl('alarm', 'disarm')).stdout, /alarm:NOSPACE/)
      await client.put({ key: bytes('x'), value })
    })
  })
}

describe('the quota of etcd-lite', () => {
  it('holds against many writers at once', async () => {
    const quota = 16 << 20
    await using etcd = await startEtcd({ kind: 'etcd-lite', flags: [`--quota-backend-bytes=${quota}`] })
    const value = noise(500_000)
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) => etcd.client.put({ key: bytes(`k${i}`), value })),
    )
    const taken = results.filter(({ status }) => status === 'fulfilled').length
    assert.ok(taken >= 10 && taken <= 33, `${taken} values of 500 kB were taken`)
    assert.ok((await etcd.client.status()).dbSize <= quota)
    assert.match((await etcd.client.status()).errors[0] ?? '', /NOSPACE/)
  })
})

describe('defragmentation of etcd-lite', () => {
  it('shrinks the files while reads and writes go on', async () => {
    await using etcd = await startEtcd({ kind: 'etcd-lite' })
    const { client } = etcd
    const value = noise(20_000)
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 200 }, (_, i) => client.put({ key: bytes(`k${i}`), value })))
    }
    const { header } = await client.deleteRange({ key: bytes('k1'), rangeEnd: bytes('k2') })
    await client.compact({ revision: header?.revision ?? 0, physical: true })
    const before = await client.status()
    let running = true
    const reads = (async () => {
      let count = 0
      for (; running; count++) {
        assert.equal((await client.range({ key: bytes('k0') })).kvs[0]?.value.length, value.length)
        await client.put({ key: bytes('during'), value: bytes('x') })
      }
      return count
    })()
    assert.match((await etcd.etcdctl('defrag')).stdout, /Finished/)
    running = false
    assert.ok((await reads) > 1)
    const after = await client.status()
    assert.ok(after.dbSize < before.dbSize / 2, `${before.dbSize} became ${after.dbSize}`)
    assert.ok(after.dbSizeInUse <= after.dbSize && after.dbSizeInUse > after.dbSize / 2)
  })
})

describe('HashKV', () => {
  it('is that of a real etcd, whatever was compacted and deleted', async () => {
    await using real = await startEtcd({ kind: 'etcd' })
    await using lite = await startEtcd({ kind: 'etcd-lite' })
    const both = async (step: (etcd: TestEtcd) => Promise<unknown>): Promise<void> => {
      await step(real)
      await step(lite)
      assert.equal(await hashKv(lite, 0), await hashKv(real, 0))
    }
    const put = (key: string) => (etcd: TestEtcd) => etcd.client.put({ key: bytes(key), value: bytes('v') })
    const del = (key: string) => (etcd: TestEtcd) => etcd.client.deleteRange({ key: bytes(key) })
    const compact = (revision: number) => (etcd: TestEtcd) => etcd.client.compact({ revision, physical: true })
    await both(put('a'))
    await both(put('b'))
    await both(compact(2))
    await both(put('a'))
    await both(compact(4))
    await both(del('a'))
    await both(put('c'))
    await both(del('b'))
    // Nothing is left that a compaction at the newest revision would keep.
    await both(del('c'))
    await both(compact(6))
    await both(put('a'))
  })
})

describe('Hash', () => {
  it('is over everything, and the same after a restart', async () => {
    await using etcd = await startEtcd({ kind: 'etcd-lite' })
    const hash = async (): Promise<number> => {
      using channel = openChannel(etcd)
      return (await channel.unary(maintenance.hash, {})).hash
    }
    await etcd.client.put({ key: bytes('a'), value: bytes('1') })
    const first = await hash()
    await etcd.restart()
    await waitFor(() => etcd.client.status(), { what: 'the restarted server' })
    assert.equal(await hash(), first)
    await etcd.client.leaseGrant({ TTL: 100, ID: 5n })
    assert.notEqual(await hash(), first)
  })
})

describe('etcdctl make-mirror', () => {
  it('copies what is there and what comes', async () => {
    await using source = await startEtcd({ kind: 'etcd-lite' })
    await using target = await startEtcd({ kind: 'etcd-lite' })
    await source.client.put({ key: bytes('a'), value: bytes('1') })
    await using _mirror = source.startEtcdctl('make-mirror', target.endpoint.replace('http://', ''))
    const valueOf = async (key: string): Promise<string | undefined> =>
      (await target.client.range({ key: bytes(key) })).kvs[0]?.value.toString()
    await waitFor(async () => (await valueOf('a')) === '1', { what: 'the first key' })
    await source.client.put({ key: bytes('b'), value: bytes('2') })
    await source.client.deleteRange({ key: bytes('a') })
    await waitFor(async () => (await valueOf('b')) === '2' && (await valueOf('a')) === undefined, {
      what: 'the later changes',
    })
  })
})
