/**
 * A snapshot becomes a data directory. All is written beside its place, brought to the disk, and renamed: whenever the
 * process or the machine stops, there is a whole store or none, and neither etcd-lite nor another restore takes half
 * of one for good.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { authRecordOps } from '../auth/records.ts'
import { openDurableBackend } from '../backend/durable.ts'
import { type Imported, importDatabase } from './import.ts'
import { openSnapshot } from './open-snapshot.ts'
import { restoringName } from './restoring-name.ts'

export interface RestoreOptions {
  readonly snapshotPath: string
  readonly dataDir: string
  readonly skipHashCheck: boolean
  /** See ImportOptions. */
  readonly bumpRevision: number
}

const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const syncDirectory = async (dir: string): Promise<void> => {
  for (const name of await readdir(dir)) await syncPath(join(dir, name))
  await syncPath(dir)
}

/** Makes the data directory; throws when there is something in it. */
const makeDataDir = async (dataDir: string): Promise<void> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const names = await readdir(dataDir)
  if (names.includes(restoringName)) {
    throw new Error(`data-dir "${dataDir}" holds a restore that was not finished: remove it first`)
  }
  if (names.length > 0) throw new Error(`data-dir "${dataDir}" not empty or could not be read`)
}

/** Restores into an empty or missing directory. Throws when the snapshot is not whole; nothing is left then. */
export const restoreSnapshot = async (options: RestoreOptions): Promise<Imported> => {
  const dataDir = resolve(options.dataDir)
  await using snapshot = await openSnapshot(options.snapshotPath, { checkHash: !options.skipHashCheck })
  await snapshot.db.check()
  await makeDataDir(dataDir)
  const memberDir = join(dataDir, restoringName)
  const storeDir = join(memberDir, 'leveldb')
  try {
    const backend = await openDurableBackend(storeDir, () => {}) // its error comes out of the commit that failed
    let imported: Imported
    try {
      const { bumpRevision } = options
      imported = await importDatabase({ db: snapshot.db, backend, bumpRevision, authOps: authRecordOps })
    } finally {
      await backend.close()
    }
    await syncDirectory(storeDir)
    await syncPath(memberDir)
    await rename(memberDir, join(dataDir, 'member'))
    await syncPath(dataDir)
    await syncPath(dirname(dataDir))
    return imported
  } catch (err) {
    await rm(memberDir, { recursive: true, force: true })
    throw err
  }
}
