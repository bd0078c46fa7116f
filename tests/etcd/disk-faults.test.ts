/**
 * A disk that fails under a running store. Whatever fails, and wherever: the server says so once and ends, nothing that
 * was acknowledged is missing after a restart on a disk that works, and nothing is half there.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import { alarmAction, alarmType } from '../../component-base/etcd/maintenance-messages.ts'
import { maintenance } from '../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { runSeed, seededRandom } from '../harness/seeded-random.ts'
import { type StoreProcess, spawnStore } from '../harness/store-process.ts'
import { faultPrefix, injectFault, type SyscallFault } from '../harness/syscall-fault.ts'
import { waitFor } from '../harness/wait.ts'
import { mountTmpfs } from '../harness/tmpfs.ts'
import { type Chain, newChain, startWork } from './crash/chain.ts'
import { checkStore } from './crash/check.ts'

const temporaryDir = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'etcd-lite-fault-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const storeDir = (dataDir: string): string => join(dataDir, 'member/leveldb')

/** It has said once, in words, what is wrong, and has ended. */
const checkEnd = async (store: StoreProcess, words: RegExp): Promise<void> => {
  assert.deepEqual(await store.ended, { code: 1, signal: null }, store.log())
  const complaints = store
    .log()
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line))
  assert.equal(complaints.length, 1, store.log())
  assert.match(complaints[0] ?? '', words)
}

/** Starts the store again where the disk works, and compares it with everything that is known of it. */
const checkRestart = async (dataDir: string, chain: Chain): Promise<void> => {
  const store = spawnStore(dataDir)
  try {
    await checkStore(await store.ready, chain, 'full')
    assert.deepEqual(await store.kill('SIGTERM'), { code: 0, signal: null })
  } finally {
    await store.kill()
  }
}

const untilAcknowledged = (chain: Chain, count: number): Promise<unknown> =>
  waitFor(() => chain.notes.acknowledged >= count, { what: `${count} acknowledged writes` })

const cannotWrite = /the store in .* cannot be written: IO error: .* All that was acknowledged is on the disk/

interface WritingFault extends SyscallFault {
  readonly name: string
  /** In `member/leveldb`. */
  readonly file?: string
}

const writingFaults: readonly WritingFault[] = [
  { name: 'an fsync of the log fails', calls: 'fdatasync', inject: 'error=EIO', file: '000003.log' },
  { name: 'a later fsync of the log fails', calls: 'fdatasync', inject: 'error=EIO:when=7+', file: '000003.log' },
  {
    name: 'one fsync fails and the next ones work',
    calls: 'fdatasync',
    inject: 'error=EIO:when=3',
    file: '000003.log',
  },
  { name: 'a write to the log fails', calls: 'write', inject: 'error=EIO', file: '000003.log' },
  { name: 'one write fails and the next ones work', calls: 'write', inject: 'error=EIO:when=5', file: '000003.log' },
  {
    name: 'the disk is full in the middle of a batch',
    calls: 'write',
    inject: 'error=ENOSPC:when=9+',
    file: '000003.log',
  },
  { name: 'the quota of the user is used up', calls: 'write', inject: 'error=EDQUOT:when=4+', file: '000003.log' },
]

describe('a disk that fails under the writers', () => {
  for (const { name, file, ...fault } of writingFaults) {
    it(`loses nothing when ${name}`, { timeout: 60_000 }, async (t) => {
      using dir = temporaryDir()
      const chain = newChain(seededRandom(runSeed()))
      t.diagnostic(`KUBETS_SEED=${chain.random.seed}`)
      const store = spawnStore(dir.path)
      try {
        await using _work = startWork(await store.ready, chain)
        await untilAcknowledged(chain, 30)
        const path = file === undefined ? {} : { path: join(storeDir(dir.path), file) }
        await using _fault = await injectFault(store.child.pid ?? 0, { ...fault, ...path })
        await checkEnd(store, cannotWrite)
      } finally {
        await store.kill()
      }
      await checkRestart(dir.path, chain)
    })
  }
})

/** Ways to the disk beside keys; each is called when nothing else writes. */
const otherCalls: readonly { readonly name: string; readonly call: (endpoint: string) => Promise<unknown> }[] = [
  { name: 'a lease is granted', call: (endpoint) => withClient(endpoint, (c) => c.leaseGrant({ ID: 77n, TTL: 1000 })) },
  { name: 'a lease is revoked', call: (endpoint) => withClient(endpoint, (c) => c.leaseRevoke(1n)) },
  {
    name: 'it is compacted',
    call: (endpoint) => withClient(endpoint, (c) => c.compact({ revision: 10, physical: true })),
  },
  {
    name: 'an alarm is raised',
    call: (endpoint) =>
      withChannel(endpoint, (channel) =>
        channel.unary(maintenance.alarm, { action: alarmAction.activate, alarm: alarmType.noSpace }, {}),
      ),
  },
]

const withClient = async (endpoint: string, call: (client: EtcdClient) => Promise<unknown>): Promise<void> => {
  using client = new EtcdClient({ endpoints: [endpoint] })
  await call(client)
}

const withChannel = async (endpoint: string, call: (channel: GrpcChannel) => Promise<unknown>): Promise<void> => {
  const channel = new GrpcChannel({ endpoints: [endpoint], userAgent: 'kubets-tests' })
  try {
    await call(channel)
  } finally {
    channel.close()
  }
}

/** Keys and a lease without a key, all acknowledged. */
const writeSome = async (endpoint: string): Promise<void> => {
  await withClient(endpoint, async (client) => {
    await client.leaseGrant({ ID: 1n, TTL: 10_000 })
    for (let n = 0; n < 20; n++) await client.put({ key: Buffer.from(`k${n}`), value: Buffer.alloc(100, n) })
  })
}

const readAll = async (endpoint: string): Promise<number> => {
  using client = new EtcdClient({ endpoints: [endpoint] })
  const { count } = await client.range({ key: Buffer.from('\0'), rangeEnd: Buffer.from('\0'), countOnly: true })
  return count
}

describe('a disk that fails under other calls', () => {
  for (const { name, call } of otherCalls) {
    it(`refuses, ends, and starts again when it fails while ${name}`, { timeout: 60_000 }, async () => {
      using dir = temporaryDir()
      const store = spawnStore(dir.path)
      try {
        const endpoint = await store.ready
        await writeSome(endpoint)
        const log = join(storeDir(dir.path), '000003.log')
        await using _fault = await injectFault(store.child.pid ?? 0, {
          calls: 'write',
          inject: 'error=ENOSPC',
          path: log,
        })
        await assert.rejects(call(endpoint))
        await checkEnd(store, cannotWrite)
      } finally {
        await store.kill()
      }
      const again = spawnStore(dir.path)
      try {
        const endpoint = await again.ready
        assert.equal(await readAll(endpoint), 20)
        await call(endpoint)
      } finally {
        await again.kill()
      }
    })
  }

  it('ends when it cannot note what was acknowledged', { timeout: 60_000 }, async () => {
    using dir = temporaryDir()
    const chain = newChain(seededRandom(runSeed()))
    const store = spawnStore(dir.path)
    try {
      await using _work = startWork(await store.ready, chain)
      await untilAcknowledged(chain, 10)
      const path = join(storeDir(dir.path), 'ACKNOWLEDGED')
      await using _fault = await injectFault(store.child.pid ?? 0, { calls: 'pwrite64', inject: 'error=EIO', path })
      await checkEnd(store, /the store in .* cannot be written: EIO/)
    } finally {
      await store.kill()
    }
    await checkRestart(dir.path, chain)
  })

  it('ends when LevelDB cannot move what was written out of its log', { timeout: 60_000 }, async () => {
    using dir = temporaryDir()
    const chain = newChain(seededRandom(runSeed()))
    const store = spawnStore(dir.path)
    try {
      const endpoint = await store.ready
      await using _work = startWork(endpoint, chain)
      await untilAcknowledged(chain, 10)
      // Only directories are fsynced, after a new table: the 16 MiB that fill the log come from the writers.
      await using _fault = await injectFault(store.child.pid ?? 0, { calls: 'fsync', inject: 'error=EIO' })
      await checkEnd(store, /the store in .* cannot be written/)
    } finally {
      await store.kill()
    }
    await checkRestart(dir.path, chain)
  })

  it('does not serve what a disk that lies has lost', { timeout: 60_000 }, async () => {
    using dir = temporaryDir()
    const store = spawnStore(dir.path)
    try {
      const endpoint = await store.ready
      await writeSome(endpoint)
      const log = join(storeDir(dir.path), '000003.log')
      // The disk says that 20 bytes were written and has not written them; the server cannot know.
      await using _fault = await injectFault(store.child.pid ?? 0, {
        calls: 'write',
        inject: 'retval=20:when=1',
        path: log,
      })
      await withClient(endpoint, (client) => client.put({ key: Buffer.from('lost'), value: Buffer.from('?') }))
      await withClient(endpoint, (client) => client.put({ key: Buffer.from('later'), value: Buffer.from('?') }))
    } finally {
      await store.kill('SIGTERM')
    }
    const again = spawnStore(dir.path)
    await checkEnd(again, /the store is corrupt: .*restore it from a snapshot/)
  })
})

const startFaults: readonly (SyscallFault & { readonly name: string; readonly words: RegExp; readonly at?: string })[] =
  [
    {
      name: 'the data directory cannot be made',
      calls: 'mkdir',
      inject: 'error=EACCES',
      words: /cannot make the data directory .*EACCES/,
    },
    {
      name: 'the disk has no inode left',
      calls: 'mkdir',
      inject: 'error=ENOSPC',
      words: /cannot make the data directory .*ENOSPC/,
    },
    {
      name: 'the directory cannot be written',
      calls: 'openat',
      inject: 'error=EACCES',
      at: 'LOCK',
      words: /cannot open the store in .*LOCK: Permission denied/,
    },
    {
      name: 'the lock cannot be taken on this file system',
      calls: 'fcntl',
      inject: 'error=ENOLCK',
      at: 'LOCK',
      words: /cannot open the store in .*LOCK: No locks available/,
    },
    {
      name: 'CURRENT cannot be renamed',
      calls: 'rename',
      inject: 'error=EIO',
      words: /cannot open the store in .*Input\/output error/,
    },
    {
      name: 'a new log cannot be made',
      calls: 'openat',
      inject: 'error=EROFS',
      at: '000003.log',
      words: /cannot open the store in .*Read-only file system/,
    },
    {
      name: 'the first fsync fails',
      calls: 'fdatasync',
      inject: 'error=EIO',
      words: /cannot open the store in .*Input\/output error/,
    },
  ]

describe('a disk that fails at the start', () => {
  for (const { name, words, at, ...fault } of startFaults) {
    it(`is told of when ${name}; the next start works`, { timeout: 30_000 }, async () => {
      using dir = temporaryDir()
      const path = at === undefined ? {} : { path: join(storeDir(dir.path), at) }
      const store = spawnStore(dir.path, { prefix: faultPrefix({ ...fault, ...path }) })
      await checkEnd(store, words)
      const again = spawnStore(dir.path)
      try {
        await writeSome(await again.ready)
      } finally {
        await again.kill()
      }
    })
  }
})

describe('a small file system', () => {
  /** Writes until the store ends. */
  const fill = async (dataDir: string, chain: Chain, words: RegExp): Promise<void> => {
    const store = spawnStore(dataDir)
    try {
      await using _fault = startWork(await store.ready, chain)
      await checkEnd(store, words)
    } finally {
      await store.kill()
    }
  }

  it('that is full ends the store in plain words; with space again it has all that was acknowledged', {
    timeout: 60_000,
  }, async () => {
    using disk = mountTmpfs('size=6m')
    const dataDir = join(disk.path, 'data')
    const chain = newChain(seededRandom(runSeed()))
    await fill(
      dataDir,
      chain,
      /cannot be written: .*No space left on device\. All that was acknowledged .* make space and start again/,
    )
    // Without space even a start needs some; it must say so, and harm nothing.
    const full = spawnStore(dataDir)
    await checkEnd(full, /cannot open the store in .*No space left on device/)
    disk.remount('size=64m')
    await checkRestart(dataDir, chain)
  })

  it('without inodes ends the store when it needs a file', { timeout: 60_000 }, async () => {
    using disk = mountTmpfs('size=256m,nr_inodes=13')
    const dataDir = join(disk.path, 'data')
    const chain = newChain(seededRandom(runSeed()))
    await fill(dataDir, chain, /cannot be written: .*No space left on device/)
    disk.remount('nr_inodes=1000')
    await checkRestart(dataDir, chain)
  })

  it('that became read-only is refused at the start', { timeout: 60_000 }, async () => {
    using disk = mountTmpfs('size=64m')
    const dataDir = join(disk.path, 'data')
    const store = spawnStore(dataDir)
    await writeSome(await store.ready)
    await store.kill('SIGTERM')
    disk.remount('ro')
    await checkEnd(spawnStore(dataDir), /Read-only file system/)
    disk.remount('rw')
    const again = spawnStore(dataDir)
    try {
      assert.equal(await readAll(await again.ready), 20)
    } finally {
      await again.kill()
    }
  })
})
