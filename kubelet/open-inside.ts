/**
 * Opening a file or folder below another one, where somebody else may change what lies there at any moment, and put a
 * link in the place of what was looked at: the path is walked folder by folder without following links.
 */
import { constants } from 'node:fs'
import { chmod, type FileHandle, mkdir, open, realpath } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'

/** A link leads out, or something became a link while it was looked at. */
export class OutsideError extends Error {
  override readonly name = 'OutsideError'
}

/** Linux: the handle only says where; it opens neither devices nor pipes. Node has no name for it. */
const openPathOnly = 0o10000000
const flags = openPathOnly | constants.O_NOFOLLOW

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

/** What exists of the path, with all links resolved, and the names below it that do not. */
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
export const placeOf = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`

/** An entry of an open folder. `mode` makes a missing folder, whatever the umask is. */
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
    throw new OutsideError(`${JSON.stringify(name)} became a link`)
  }
  if (mode !== undefined) await chmod(placeOf(handle), mode)
  return handle
}

/**
 * Opens `path`, which must not climb, below the folder; links that stay inside are followed. With `mode` missing folders
 * are made. The handle cannot be read from: open its `placeOf` for that. Throws OutsideError, or what the system says.
 */
export const openInside = async (folder: string, path: string, mode?: number): Promise<FileHandle> => {
  const root = await realpath(folder)
  const { found, missing } = await resolveExisting(join(root, normalize(path)))
  if (!isInside(found, root)) throw new OutsideError(`${JSON.stringify(path)} leads out of ${folder}`)
  const known = relative(root, found)
    .split('/')
    .filter((name) => name !== '')
  let handle = await open(root, flags)
  try {
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
