/** A file or folder inside a volume, as a mount's source. Upstream: pkg/volume/util/subpath. */
import { chmod, mkdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { ConfigError } from './objects.ts'

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

/** What exists of the path, with all links resolved. */
const resolveExisting = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch {
    return resolveExisting(dirname(path))
  }
}

/** Makes the missing folders with the mode of the volume itself, whatever the umask is. */
const makeFolders = async (folder: string, root: string): Promise<void> => {
  const { mode } = await stat(root)
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let current = folder; current.length >= first.length; current = dirname(current))
    await chmod(current, mode & 0o7777)
}

/**
 * The resolved path of `subPath` in the volume, made as a folder if there is nothing. Throws ConfigError where it is
 * absolute, climbs, or leads out of the volume by a link.
 */
export const resolveSubPath = async (volume: string, subPath: string): Promise<string> => {
  if (isAbsolute(subPath)) throw new ConfigError(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..'))
    throw new ConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
  const root = await realpath(volume)
  const wanted = join(root, normalize(subPath))
  const outside = (): ConfigError =>
    new ConfigError(`failed to prepare subPath for volumeMount: subpath "${subPath}" is outside of the volume`)
  if (!isInside(await resolveExisting(wanted), root)) throw outside()
  try {
    await stat(wanted)
  } catch {
    await makeFolders(wanted, root)
  }
  const resolved = await realpath(wanted)
  if (!isInside(resolved, root)) throw outside()
  return resolved
}
