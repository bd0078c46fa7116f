/**
 * The store's backend: LevelDB, and the promise that a start finds all that was acknowledged or refuses.
 *
 * Guarantees: commits go to the disk one after another, each with the tally of all records; after the first one that
 * fails none is tried, for LevelDB would write on behind a torn record and lose what follows it at the next start.
 * A start compares the tally with the records, and the number of commits with the acknowledged ones.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { etcdError } from '../mvcc/errors.ts'
import { allOtherRecords } from '../mvcc/records.ts'
import { AcknowledgedCommits, createAcknowledged, readAcknowledged } from './acknowledged.ts'
import type { Backend, BackendOp } from './backend.ts'
import { CorruptStoreError } from './corrupt.ts'
import { makeStoreDirectory, openLevelDb } from './leveldb.ts'
import { type Sum, Tally, tallyKey } from './tally.ts'

export interface DurableBackend extends Backend {
  /** Compares the index records that a start has read with those that were written; throws CorruptStoreError. */
  checkIndex(found: Sum): void
}

/** Thrown (and told to `onFailed`) at the first write that the disk refuses. */
export class StoreWriteError extends Error {
  constructor(dir: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const remedy = /no space|ENOSPC|quota exceeded/i.test(why)
      ? 'make space and start again'
      : 'start again when the disk works'
    super(`the store in ${dir} cannot be written: ${why}. All that was acknowledged is on the disk; ${remedy}`, {
      cause,
    })
    this.name = 'StoreWriteError'
  }
}

/** A store without CURRENT is a new one to LevelDB, which then removes what it does not know. */
const checkFiles = async (dir: string, acknowledged: number | undefined): Promise<void> => {
  const names = await readdir(dir)
  if (names.includes('CURRENT')) return
  const data = names.find((name) => /\.(ldb|sst|log)$/.test(name))
  if (data !== undefined || (acknowledged ?? 0) > 0) {
    throw new CorruptStoreError(
      `${join(dir, 'CURRENT')} is missing${data === undefined ? '' : `, but ${data} is there`}`,
    )
  }
}

/** Reads the tally of the last commit, and all records that are no keys' history, and compares. */
const restoreTally = async (
  disk: Backend,
  acknowledged: number | undefined,
): Promise<{ tally: Tally; known: boolean }> => {
  const found = new Tally()
  for (const range of allOtherRecords) {
    for await (const chunk of disk.scan(range)) for (const [key, value] of chunk) found.found(key, value)
  }
  const record = disk.getSync(tallyKey)
  if (record === undefined) {
    if ((acknowledged ?? 0) === 0) return { tally: found, known: false }
    throw new CorruptStoreError('the tally of its records is missing')
  }
  let written: Tally
  try {
    written = Tally.decode(record)
  } catch {
    throw new CorruptStoreError('the tally of its records is damaged')
  }
  if (acknowledged === undefined) throw new CorruptStoreError('the file ACKNOWLEDGED is missing')
  if (written.commits < acknowledged) {
    throw new CorruptStoreError(
      `acknowledged writes are missing: ${acknowledged} commits were acknowledged, the files hold ${written.commits}`,
    )
  }
  if (!written.others.equals(found.others)) {
    throw new CorruptStoreError(
      `leases or metadata are missing or damaged: ${written.others.count} records were written, ${found.others.count} found`,
    )
  }
  found.commits = written.commits
  found.index.count = written.index.count
  found.index.checksum = written.index.checksum
  return { tally: found, known: true }
}

/** Opens (or makes) the store in `dir`. `onFailed` hears once of the first write that failed: the process must end. */
export const openDurableBackend = async (dir: string, onFailed: (err: unknown) => void): Promise<DurableBackend> => {
  await makeStoreDirectory(dir)
  let acknowledged = await readAcknowledged(dir)
  await checkFiles(dir, acknowledged)
  const disk = await openLevelDb(dir)
  try {
    // Again, now that no other process can write it.
    acknowledged = await readAcknowledged(dir)
    const { tally, known } = await restoreTally(disk, acknowledged)
    if (acknowledged === undefined) await createAcknowledged(dir)
    return await account(disk, { dir, tally, known, onFailed })
  } catch (err) {
    await disk.close()
    throw err
  }
}

/** Deletions of what never was, at both ends of all keys. */
const firstOfAll: BackendOp = { type: 'del', key: Buffer.from([0]) }
const lastOfAll: BackendOp = { type: 'del', key: Buffer.from([0xfe]) }

interface Account {
  readonly dir: string
  readonly tally: Tally
  /** False for a store that has no tally yet. */
  readonly known: boolean
  readonly onFailed: (err: unknown) => void
}

const account = async (disk: Backend, { dir, tally, known, onFailed }: Account): Promise<DurableBackend> => {
  let failure: StoreWriteError | undefined
  let last: Promise<void> = Promise.resolve()
  const fail = (err: unknown): StoreWriteError => {
    if (failure === undefined) {
      failure = new StoreWriteError(dir, err)
      onFailed(failure)
    }
    return failure
  }
  const acknowledged = await AcknowledgedCommits.open(dir, fail)
  const commit = async (ops: readonly BackendOp[], options: { readonly sync: boolean }): Promise<void> => {
    if (failure !== undefined) throw etcdError('stopped', { cause: failure })
    const batch = [...ops, tally.count(ops)]
    const { commits } = tally
    try {
      await disk.commit(batch, options)
    } catch (err) {
      throw etcdError('stopped', { cause: fail(err) })
    }
    if (options.sync) acknowledged.advance(commits)
  }
  const enqueue: Backend['commit'] = (ops, options) => {
    const done = last.then(() => commit(ops, options))
    last = done.catch(() => {}) // who called hears of it
    return done
  }
  return {
    ...disk,
    commit: enqueue,
    defragment: async () => {
      await disk.defragment()
      // LevelDB rewrites a table only together with one that lies above it: this makes one that lies above all.
      await enqueue([firstOfAll, lastOfAll], { sync: true })
      await disk.defragment()
    },
    checkIndex: (found) => {
      if (!known) {
        tally.index.count = found.count
        tally.index.checksum = found.checksum
      } else if (!tally.index.equals(found)) {
        throw new CorruptStoreError(
          `changes of keys are missing or damaged: ${tally.index.count} records were written, ${found.count} found`,
        )
      }
    },
    close: async () => {
      await last
      await acknowledged.close()
      await disk.close()
    },
  }
}
