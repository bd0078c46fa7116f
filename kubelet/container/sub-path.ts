/**
 * A file or folder inside a volume, as a mount's source. Upstream: pkg/volume/util/subpath.
 *
 * Containers that run may exchange it for a link to the node's files at any moment. So what was opened is bound to a
 * place that only the kubelet writes: that is what the engine gets.
 */
import { type FileHandle, mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute } from 'node:path'
import { openInside, OutsideError } from '../open-inside.ts'
import { bindMount } from '../volumes/mount.ts'
import { ConfigError } from './objects.ts'

const failure = (why: string): ConfigError => new ConfigError(`failed to prepare subPath for volumeMount: ${why}`)

/**
 * Opens `subPath` of the volume, made as a folder with the volume's own mode if there is nothing. Throws ConfigError
 * where it is absolute, climbs, or leads out of the volume by a link.
 */
export const openSubPath = async (volume: string, subPath: string): Promise<FileHandle> => {
  if (isAbsolute(subPath)) throw new ConfigError(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..'))
    throw new ConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
  const { mode } = await stat(volume)
  try {
    return await openInside(volume, subPath, mode & 0o7777)
  } catch (error) {
    if (error instanceof OutsideError) throw failure(`subpath "${subPath}" is outside of the volume`)
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
    throw failure(`error mounting "${subPath}": ${error instanceof Error ? error.message : String(error)}`)
  }
}
