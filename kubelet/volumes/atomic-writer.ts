/**
 * Writes a set of files so that readers see either the old set or the new one. Upstream: pkg/volume/util/atomic_writer.go.
 *
 *     volume/..2026_01_02_03_04_05.123/key     the files
 *     volume/..data -> ..2026_01_02_03_04_05.123   swapped by rename(2)
 *     volume/key -> ..data/key                 what containers open
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'

export interface FileProjection {
  readonly data: Uint8Array
  readonly mode: number
  /** Owner, where it is not root. */
  readonly uid?: number
}

/** Relative paths to files. */
export type Payload = ReadonlyMap<string, FileProjection>

const dataLink = '..data'
const newDataLink = '..data_tmp'

const linkTarget = async (path: string): Promise<string | undefined> => {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}

const timestamp = (now: Date): string => now.toISOString().slice(0, 19).replace(/[-:T]/g, '_')

/** Group ownership and mode bits that fsGroup gives to what it may read. */
const applyGroup = async (
  path: string,
  mode: number,
  { uid, gid }: { uid: number; gid: number | undefined },
): Promise<void> => {
  if (gid !== undefined || uid !== 0) await chown(path, uid, gid ?? 0)
  await chmod(path, gid === undefined ? mode : mode | 0o440)
}

const writeFiles = async (folder: string, payload: Payload, fsGroup: number | undefined): Promise<void> => {
  for (const [path, { data, mode, uid = 0 }] of payload) {
    const file = join(folder, path)
    const parent = dirname(file)
    if (parent !== folder) {
      await mkdir(parent, { recursive: true })
      for (let current = parent; current !== folder; current = dirname(current)) await chmod(current, 0o755)
    }
    await writeFile(file, data, { mode })
    // The mode of open(2) is cut by the umask.
    await applyGroup(file, mode, { uid, gid: fsGroup })
  }
}

/** Names that stand in the volume itself: the first part of every path. */
const visibleNames = (payload: Payload): Set<string> =>
  new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path))

/** Paths must stay inside the volume and clear of the writer's own names. */
const validate = (payload: Payload): void => {
  for (const path of payload.keys()) {
    const parts = path.split('/')
    if (path === '' || path.startsWith('/') || parts.includes('..') || parts[0]?.startsWith('..') === true) {
      throw new Error(`invalid path: ${JSON.stringify(path)} must be relative and inside the volume`)
    }
  }
}

/** Replaces the contents of the folder. The caller knows whether they differ; writing the same again is harmless. */
export const writeAtomically = async (
  volume: string,
  payload: Payload,
  options: { readonly fsGroup?: number; readonly now: Date },
): Promise<void> => {
  validate(payload)
  const oldTarget = await linkTarget(join(volume, dataLink))
  const fresh = await mkdtemp(join(volume, `..${timestamp(options.now)}.`))
  await chmod(fresh, 0o755)
  await writeFiles(fresh, payload, options.fsGroup)
  await rm(join(volume, newDataLink), { force: true })
  await symlink(fresh.slice(volume.length + 1), join(volume, newDataLink))
  await rename(join(volume, newDataLink), join(volume, dataLink))

  const wanted = visibleNames(payload)
  for (const name of wanted) {
    const link = join(volume, name)
    if ((await linkTarget(link)) === undefined) await symlink(join(dataLink, name), link)
  }
  for (const name of await readdir(volume)) {
    if (name.startsWith('..') || wanted.has(name)) continue
    if ((await lstat(join(volume, name))).isSymbolicLink()) await rm(join(volume, name), { force: true })
  }
  if (oldTarget !== undefined) await rm(join(volume, oldTarget), { recursive: true, force: true })
}
