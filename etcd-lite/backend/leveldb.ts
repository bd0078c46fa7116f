import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { CorruptStoreError } from './corrupt.ts'
import type { Backend, KeyBounds } from './backend.ts'

type Database = ClassicLevel<Buffer, Buffer>

/** Entries a scan takes over from LevelDB at once. */
const scanChunkEntries = 1000
const scanChunkBytes = 1 << 20

/** Thrown when another process has the data directory. */
export class DataDirLockedError extends Error {
  constructor(dir: string) {
    super(`data directory ${dir} is in use by another process`)
    this.name = 'DataDirLockedError'
  }
}

const isLocked = (err: unknown): boolean => {
  const cause = err instanceof Error ? err.cause : undefined
  // The code stands for every failure to lock, also on file systems that have no locks.
  const held = cause instanceof Error && /temporarily unavailable|already held/.test(cause.message)
  return held && 'code' in cause && cause.code === 'LEVEL_LOCKED'
}

/** LevelDB's own words, which name the file. */
const reasonOf = (err: unknown): string => {
  if (!(err instanceof Error)) return String(err)
  return err.cause instanceof Error ? err.cause.message : err.message
}

/** What LevelDB says of files that are not as it left them; the rest is the disk's fault. */
const damagedFiles = /corruption|invalid argument|not an sstable|bad |missing|no such file/i

const unreadable = (what: string, err: unknown): Error => {
  const message = `${what}: ${reasonOf(err)}`
  return damagedFiles.test(message)
    ? new CorruptStoreError(message, { cause: err })
    : new Error(message, { cause: err })
}

/** Makes the directory, readable by its owner only. */
export const makeStoreDirectory = async (dir: string): Promise<void> => {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
  } catch (err) {
    throw new Error(`cannot make the data directory ${dir}: ${reasonOf(err)}`, { cause: err })
  }
}

const openDatabase = async (dir: string): Promise<Database> => {
  const db: Database = new ClassicLevel<Buffer, Buffer>(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  try {
    // The write buffer is what a restart has to replay; the cache serves only history and evicted values.
    await db.open({ writeBufferSize: 16 << 20, cacheSize: 32 << 20, maxFileSize: 8 << 20 })
  } catch (err) {
    if (isLocked(err)) throw new DataDirLockedError(dir)
    throw unreadable(`cannot open the store in ${dir}`, err)
  }
  return db
}

async function* scan(
  db: Database,
  range: KeyBounds,
  snapshot?: ReturnType<Database['snapshot']>,
): AsyncGenerator<[Buffer, Buffer][], void, void> {
  const iterator = db.iterator({
    gte: range.start,
    lt: range.end,
    fillCache: false,
    highWaterMarkBytes: scanChunkBytes,
    ...(snapshot === undefined ? {} : { snapshot }),
  })
  try {
    for (;;) {
      const entries = await iterator.nextv(scanChunkEntries).catch((err: unknown) => {
        throw unreadable('cannot read the store', err)
      })
      if (entries.length === 0) return
      yield entries
    }
  } finally {
    await iterator.close()
  }
}

const tableFile = /\.(ldb|sst)$/

/**
 * Bytes of the tables that LevelDB is using, and of all other files. Tables that a compaction is writing, or has
 * replaced, come and go and would make the size jump.
 */
const sizeOf = async (dir: string, db: Database): Promise<number> => {
  const names = await readdir(dir)
  const sizes = await Promise.all(
    names
      .filter((name) => !tableFile.test(name))
      .map((name) =>
        stat(join(dir, name)).then(
          ({ size }) => size,
          () => 0, // LevelDB removes files at any time
        ),
      ),
  )
  // One line a table: its number, its size, its first and last key.
  const tables = db.getProperty('leveldb.sstables').matchAll(/^ \d+:(\d+)\[/gm)
  const all = [...sizes, ...Array.from(tables, ([, size]) => Number(size))]
  return all.reduce((sum, size) => sum + size, 0)
}

/** Opens (or makes) the LevelDB in `dir`, readable by its owner only. LevelDB's own LOCK file keeps others out. */
export const openLevelDb = async (dir: string): Promise<Backend> => {
  await makeStoreDirectory(dir)
  const db = await openDatabase(dir)
  return {
    commit: (ops, { sync }) => db.batch([...ops], { sync }),
    getSync: (key) => db.getSync(key),
    snapshot: () => {
      const snapshot = db.snapshot()
      return {
        getMany: (keys) => db.getMany([...keys], { snapshot }),
        scan: (range) => scan(db, range, snapshot),
        close: () => snapshot.close(),
      }
    },
    scan: (range) => scan(db, range),
    sizeBytes: () => sizeOf(dir, db),
    defragment: () => db.compactRange(Buffer.from([0]), Buffer.from([0xff])),
    close: () => db.close(),
  }
}
