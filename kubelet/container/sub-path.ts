/**
 * A file or folder inside a volume, as a mount's source. Upstream: pkg/volume/util/subpath.
 *
 * Containers that run may change the volume at any moment, and put a link to the node's files where a folder was when
 * it was looked at. So the path is walked folder by folder without following links, and what was reached is bound to a
 * place that only the kubelet writes: that is what the engine gets.
 */
import { constants } from 'node:fs'
import { chmod, type FileHandle, mkdir, open, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, relative } from 'node:path'
import { bindMount } from '../volumes/mount.ts'
import { ConfigError } from './objects.ts'

/** Linux: the handle only says where; it opens neither devices nor pipes. Node has no name for it. */
const openPathOnly = 0o10000000
const flags = openPathOnly | constants.O_NOFOLLOW

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

/** What exists of the path, with all links resolved. */
const resolveExisting = async (path: string): Promise<{ readonly found: string; readonly missing: string[] }> => {
  const missing: string[] = []
  for (let current = path; ; current = dirname(current)) {
    try {
      return { found: await realpath(current), missing }
    } catch {
      missing.unshift(current.slice(dirname(current).length).replace('/', ''))
    }
  }
}

/** A handle's own place, which nobody can exchange. */
const placeOf = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`

/** An entry of an open folder; a link is an error. `mode` makes a missing folder. */
const step = async (parent: FileHandle, name: string, mode: number | undefined): Promise<FileHandle> => {
  const path = `${placeOf(parent)}/${name}`
  if (mode !== undefined) {
    await mkdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  const handle = await open(path, flags)
  if ((await handle.stat()).isSymbolicLink()) {
    await handle.close()
    throw new ConfigError(`failed to prepare subPath for volumeMount: ${JSON.stringify(name)} became a link`)
  }
  // Whatever the umask is.
  if (mode !== undefined) await chmod(placeOf(handle), mode)
  return handle
}

/**
 * Opens `subPath` of the volume, made as a folder with the volume's own mode if there is nothing. Throws ConfigError
 * where it is absolute, climbs, or leads out of the volume by a link.
 */
export const openSubPath = async (volume: string, subPath: string): Promise<FileHandle> => {
  if (isAbsolute(subPath)) throw new ConfigError(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..'))
    throw new ConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
  const root = await realpath(volume)
  const { found, missing } = await resolveExisting(join(root, normalize(subPath)))
  if (!isInside(found, root)) {
    throw new ConfigError(`failed to prepare subPath for volumeMount: subpath "${subPath}" is outside of the volume`)
  }
  const mode = (await stat(root)).mode & 0o7777
  let handle = await open(root, flags)
  try {
    const known = relative(root, found)
      .split('/')
      .filter((name) => name !== '')
    for (const [index, name] of [...known, ...missing.filter((part) => part !== '')].entries()) {
      const next = await step(handle, name, index < known.length ? undefined : mode)
      await handle.close()
      handle = next
    }
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Binds the sub-path to `target`, a place of the kubelet's own; rejects with ConfigError. */
export const bindSubPath = async (volume: string, subPath: string, target: string): Promise<void> => {
  await using handle = await openSubPath(volume, subPath)
  const source = await handle.stat()
  const present = await stat(target).catch(() => undefined)
  if (present?.ino === source.ino && present.dev === source.dev) return // bound for an earlier start of the container
  await mkdir(dirname(target), { recursive: true, mode: 0o750 })
  try {
    await bindMount(`/proc/${process.pid}/fd/${handle.fd}`, target, async () => {
      if (source.isDirectory()) await mkdir(target, { recursive: true, mode: 0o750 })
      else await writeFile(target, '', { mode: 0o640 })
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`failed to prepare subPath for volumeMount: error mounting "${subPath}": ${why}`)
  }
}
