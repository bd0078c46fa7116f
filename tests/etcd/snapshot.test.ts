import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { copyFile, mkdir, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { maintenance } from '../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { projectRoot } from '../../deploy/layout.ts'
import { type CommandResult, runCommand, startCommand } from '../harness/command.ts'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import { type EtcdKind, etcdctlBinary } from '../harness/etcd-process.ts'
import { runSeed, seededRandom } from '../harness/seeded-random.ts'
import { waitFor } from '../harness/wait.ts'
import { hashKv, observe } from './snapshot/observe.ts'
import { enableAuth, writeHistory } from './snapshot/workload.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

const utility = join(projectRoot, 'etcd-lite/etcdutl.ts')
const etcdutl = (...args: readonly string[]): Promise<CommandResult> => runCommand(process.execPath, [utility, ...args])
const realEtcdctl = (...args: readonly string[]): Promise<CommandResult> =>
  runCommand(etcdctlBinary(), args, { env: { ETCDCTL_API: '3' } })

/** A directory for the files of one test. */
const scratch = (): Disposable & { readonly path: (name: string) => string } => {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-snapshot-'))
  return {
    path: (name) => join(dir, name),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

const ok = ({ code, stdout, stderr }: CommandResult): string => {
  assert.equal(code, 0, stderr)
  return stdout
}

const refused = ({ code, stderr }: CommandResult, pattern: RegExp): void => {
  assert.notEqual(code, 0)
  assert.match(stderr, pattern)
}

const save = async (etcd: TestEtcd, file: string, ...flags: readonly string[]): Promise<void> => {
  ok(await etcd.etcdctl(...flags, 'snapshot', 'save', file))
}

/** Restores into a data directory of the other kind. */
const restore = async (kind: EtcdKind, file: string, dataDir: string): Promise<void> => {
  const args = ['snapshot', 'restore', file, '--data-dir', dataDir]
  ok(kind === 'etcd' ? await realEtcdctl(...args) : await etcdutl(...args))
}

const directions: readonly (readonly [from: EtcdKind, to: EtcdKind])[] = [
  ['etcd-lite', 'etcd'],
  ['etcd', 'etcd-lite'],
  ['etcd-lite', 'etcd-lite'],
]

describe('a snapshot', () => {
  for (const [from, to] of directions) {
    it(`of ${from} becomes ${to} with the same keys, revisions, versions, leases and hashes`, async (t) => {
      const random = seededRandom(runSeed())
      t.diagnostic(`seed ${random.seed}`)
      using files = scratch()
      const file = files.path('snapshot.db')
      await using source = await startEtcd({ kind: from })
      await writeHistory(source.client, random, 300)
      await save(source, file)
      await restore(to, file, files.path('data'))
      await using target = await startEtcd({ kind: to, dataDir: files.path('data') })
      assert.deepEqual(await observe(target), await observe(source))
      // And both go on alike.
      for (const { client } of [source, target]) {
        await client.put({ key: bytes('k1'), value: bytes('afterwards') })
        await client.deleteRange({ key: bytes('k'), rangeEnd: bytes('l') })
      }
      assert.equal(await hashKv(target, 0), await hashKv(source, 0))
      await target.restart()
      await waitFor(() => target.client.range({ key: bytes('k1') }), { what: 'the restarted server' })
      assert.equal(await hashKv(target, 0), await hashKv(source, 0))
    })

    it(`of ${from} carries users, roles and whether auth is on to ${to}`, async () => {
      using files = scratch()
      const file = files.path('snapshot.db')
      await using source = await startEtcd({ kind: from, flags: ['--auth-token=simple'] })
      await source.client.put({ key: bytes('k1'), value: bytes('v') })
      await enableAuth(source)
      refused(await source.etcdctl('snapshot', 'save', file), /user name is empty|invalid auth token/)
      await save(source, file, '--user=root:rootpw')
      await restore(to, file, files.path('data'))
      await using target = await startEtcd({ kind: to, dataDir: files.path('data') })
      assert.equal(ok(await target.etcdctl('--user=ann:annpw', 'get', 'k1', '--print-value-only')), 'v\n')
      refused(await target.etcdctl('--user=ann:annpw', 'put', 'k1', 'x'), /permission denied/)
      refused(await target.etcdctl('--user=ann:other', 'get', 'k1'), /authentication failed/)
      refused(await target.etcdctl('get', 'k1'), /user name is empty/)
    })
  }

  it('has the status that etcdctl and etcdutl agree on', async () => {
    for (const kind of ['etcd', 'etcd-lite'] satisfies EtcdKind[]) {
      using files = scratch()
      const file = files.path('snapshot.db')
      await using source = await startEtcd({ kind })
      await writeHistory(source.client, seededRandom(1), 100)
      await save(source, file)
      for (const format of ['simple', 'table', 'json', 'fields']) {
        const args = ['snapshot', 'status', file, '-w', format]
        assert.equal(ok(await etcdutl(...args)), ok(await realEtcdctl(...args)))
      }
      const { hash, hashRevision } = JSON.parse(ok(await etcdutl('hashkv', file, '-w', 'json'))) as {
        hash: number
        hashRevision: number
      }
      assert.equal(hash, await hashKv(source, 0))
      const earlier = JSON.parse(ok(await etcdutl('hashkv', file, '-w', 'json', `--rev=${hashRevision - 3}`))) as {
        hash: number
      }
      assert.equal(earlier.hash, await hashKv(source, hashRevision - 3))
    }
  })

  it('is of one moment while writes go on', async () => {
    using files = scratch()
    await using source = await startEtcd({ kind: 'etcd-lite' })
    const { client } = source
    let running = true
    let acknowledged = 0
    const value = Buffer.alloc(2000, 'x')
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; running; n++) {
        const pair = ['a', 'b'].map((half) => ({
          requestPut: { key: bytes(`${half}/${writer}/${n % 50}`), value: Buffer.concat([value, bytes(`${n}`)]) },
        }))
        const { header } = await client.txn({ success: pair })
        acknowledged = Math.max(acknowledged, header?.revision ?? 0)
      }
    })
    await waitFor(() => acknowledged > 500, { what: 'some writes' })
    const before = acknowledged
    await save(source, files.path('snapshot.db'))
    const after = acknowledged
    running = false
    await Promise.all(writers)
    await restore('etcd-lite', files.path('snapshot.db'), files.path('data'))
    await using target = await startEtcd({ kind: 'etcd-lite', dataDir: files.path('data') })
    const { kvs, header } = await target.client.range({ key: bytes('a'), rangeEnd: bytes('c') })
    const revision = header?.revision ?? 0
    assert.ok(revision >= before && revision <= after + 8, `${before} <= ${revision} <= ${after}`)
    assert.equal(await hashKv(target, 0), await hashKv(source, revision))
    const found = new Map(kvs.map(({ key, modRevision }) => [key.toString(), modRevision]))
    for (const [key, mod] of found) if (key.startsWith('a')) assert.equal(found.get(key.replace('a', 'b')), mod)
  })

  it('can be taken of a member/snap/db, and bumped so that no client sees a revision twice', async () => {
    using files = scratch()
    await using source = await startEtcd({ kind: 'etcd' })
    await writeHistory(source.client, seededRandom(2), 60)
    await source.client.put({ key: bytes('last'), value: bytes('v') })
    const { header } = await source.client.range({ key: bytes('last') })
    const revision = header?.revision ?? 0
    const hash = await hashKv(source, 0)
    await source.kill('SIGTERM')
    const database = join(source.members[0]?.dataDir ?? '', 'member/snap/db')
    refused(await etcdutl('snapshot', 'restore', database, '--data-dir', files.path('no')), /missing hash/)
    ok(await etcdutl('snapshot', 'restore', database, '--skip-hash-check', '--data-dir', files.path('plain')))
    const bump = ['--skip-hash-check', '--bump-revision', '1000', '--mark-compacted']
    ok(await etcdutl('snapshot', 'restore', database, ...bump, '--data-dir', files.path('bumped')))
    {
      await using plain = await startEtcd({ kind: 'etcd-lite', dataDir: files.path('plain') })
      assert.equal(await hashKv(plain, 0), hash)
    }
    await using bumped = await startEtcd({ kind: 'etcd-lite', dataDir: files.path('bumped') })
    const { kvs, header: now } = await bumped.client.range({ key: bytes('last') })
    assert.deepEqual([now?.revision, kvs[0]?.modRevision], [revision + 1000, revision])
    await assert.rejects(bumped.client.range({ key: bytes('last'), revision }), /compacted/)
    assert.equal((await bumped.client.put({ key: bytes('last'), value: bytes('w') })).header?.revision, revision + 1001)
    // A real etcd takes that on.
    await save(bumped, files.path('bumped.db'))
    await restore('etcd', files.path('bumped.db'), files.path('real'))
    await using real = await startEtcd({ kind: 'etcd', dataDir: files.path('real') })
    assert.deepEqual(await observe(real), await observe(bumped))
  })
})

describe('a restore', () => {
  it('refuses what is not whole, and what is not empty', async () => {
    using files = scratch()
    const file = files.path('snapshot.db')
    {
      await using source = await startEtcd({ kind: 'etcd' })
      await writeHistory(source.client, seededRandom(3), 60)
      await save(source, file)
    }
    const into = (name: string, ...flags: string[]): Promise<CommandResult> =>
      etcdutl('snapshot', 'restore', file, '--data-dir', files.path(name), ...flags)
    const original = readFileSync(file)
    const flipped = Buffer.from(original)
    flipped.writeUInt8((flipped[original.length - 5000] ?? 0) ^ 1, original.length - 5000)
    writeFileSync(file, flipped)
    refused(await into('a'), /expected sha256/)
    writeFileSync(file, original.subarray(0, original.length - 32 - 4096))
    refused(await into('a'), /missing hash/)
    refused(await into('a', '--skip-hash-check'), /damaged/)
    writeFileSync(file, 'no snapshot')
    refused(await into('a', '--skip-hash-check'), /no valid meta page/)
    truncateSync(file, 0)
    refused(await into('a'), /missing hash|damaged/)
    writeFileSync(file, original)
    await mkdir(files.path('b/member'), { recursive: true })
    refused(await into('b'), /not empty/)
    refused(await into('c', '--bump-revision=5'), /--mark-compacted required/)
    refused(await into('c', '--initial-cluster=default=http://a:1,x=http://b:1'), /cluster of one/)
    refused(await into('c', '--initial-cluster=x=http://b:1'), /couldn't find local name "default"/)
    refused(await etcdutl('snapshot', 'restore', file), /data-dir/)
    assert.deepEqual(
      ['a', 'c'].filter((name) => existsSync(files.path(`${name}/member`))),
      [],
    )
    ok(await into('c', '--initial-cluster=default=http://b:1', '--name=default'))
    assert.ok(existsSync(files.path('c/member/leveldb/CURRENT')))
  })

  it('that was killed is not taken for a whole one', async () => {
    using files = scratch()
    const file = files.path('snapshot.db')
    {
      await using source = await startEtcd({ kind: 'etcd-lite' })
      const value = Buffer.alloc(100_000, 'v')
      await Promise.all(Array.from({ length: 1000 }, (_, i) => source.client.put({ key: bytes(`k${i}`), value })))
      await save(source, file)
    }
    const dataDir = files.path('data')
    {
      await using command = startCommand(process.execPath, [
        utility,
        'snapshot',
        'restore',
        file,
        '--data-dir',
        dataDir,
      ])
      await waitFor(() => existsSync(join(dataDir, 'member.restoring')), { what: 'the restore' })
      command.child.kill('SIGKILL')
    }
    assert.deepEqual(readdirSync(dataDir), ['member.restoring'])
    await assert.rejects(startEtcd({ kind: 'etcd-lite', dataDir }), /was not finished/)
    refused(await etcdutl('snapshot', 'restore', file, '--data-dir', dataDir), /not finished/)
    rmSync(dataDir, { recursive: true })
    ok(await etcdutl('snapshot', 'restore', file, '--data-dir', dataDir))
    await using target = await startEtcd({ kind: 'etcd-lite', dataDir })
    assert.equal((await target.client.range({ key: bytes('k'), rangeEnd: bytes('l'), countOnly: true })).count, 1000)
  })
})

/** Files without a name that a process holds. */
const namelessFiles = async (pid: number): Promise<string[]> => {
  const dir = `/proc/${pid}/fd`
  const targets = await Promise.all(readdirSync(dir).map((fd) => readlink(join(dir, fd)).catch(() => '')))
  return targets.filter((target) => target.includes('.snapshot.tmp'))
}

/** A client that asks for a snapshot and then takes nothing of it. */
const startSlowClient = async (etcd: TestEtcd): Promise<Disposable & { readonly remainingBytes: number }> => {
  const channel = new GrpcChannel({ endpoints: [etcd.endpoint] })
  const call = channel.stream(maintenance.snapshot)
  call.write({})
  call.end()
  const first = await call.responses[Symbol.asyncIterator]().next()
  assert.ok(first.done !== true)
  const dispose = (): void => {
    call.cancel()
    channel.close()
  }
  return { remainingBytes: first.value.remainingBytes, [Symbol.dispose]: dispose }
}

describe('the server that makes a snapshot', () => {
  it('waits for a slow client, and lets go when the client goes', async () => {
    await using etcd = await startEtcd({ kind: 'etcd-lite' })
    const [member] = etcd.members
    const pid = member?.pid()
    assert.ok(member && pid !== undefined)
    const value = Buffer.alloc(500_000, 'v')
    for (let i = 0; i < 100; i++) await etcd.client.put({ key: bytes(`k${i}`), value })
    {
      using client = await startSlowClient(etcd)
      // 50 MB wait in the file, not in the server's memory, as long as nobody takes them.
      assert.ok(client.remainingBytes > 45_000_000)
      assert.equal((await namelessFiles(pid)).length, 1)
      assert.deepEqual(readdirSync(join(member.dataDir, 'member')), ['leveldb'])
      await etcd.client.put({ key: bytes('meanwhile'), value })
    }
    await waitFor(async () => (await namelessFiles(pid)).length === 0, { what: 'the file to be let go' })
  })

  it('leaves nothing behind when it is killed meanwhile', async () => {
    await using etcd = await startEtcd({ kind: 'etcd-lite' })
    const [member] = etcd.members
    const pid = member?.pid()
    assert.ok(member && pid !== undefined)
    const value = Buffer.alloc(500_000, 'v')
    for (let i = 0; i < 60; i++) await etcd.client.put({ key: bytes(`k${i}`), value })
    {
      using _client = await startSlowClient(etcd)
      assert.equal((await namelessFiles(pid)).length, 1)
      await etcd.kill()
    }
    assert.deepEqual(readdirSync(join(member.dataDir, 'member')), ['leveldb'])
    await copyFile(join(member.dataDir, 'member/leveldb/CURRENT'), join(member.dataDir, 'member/x.snapshot.tmp'))
    await member.start()
    assert.deepEqual(readdirSync(join(member.dataDir, 'member')), ['leveldb'])
  })
})
