/** What a container has on the disk beside its image: its own layer, and its log. */
import { basename, dirname, join } from 'node:path'
import { readdir } from 'node:fs/promises'
import { addUsage, diskUsage, noUsage } from '../../stats/disk-usage.ts'
import type { ContainerDiskUsage } from '../runtime-service.ts'
import { type Docker, orUndefined } from './client.ts'

interface Places {
  /** overlay2's; other drivers of images do not tell a folder that is the container's alone. */
  readonly layer: string
  readonly log: string
}

/** The log and its older files: `<id>-json.log`, `<id>-json.log.1`. */
const logFiles = async (log: string): Promise<string[]> => {
  if (log === '') return []
  const names = await readdir(dirname(log)).catch((): string[] => [])
  return names.filter((name) => name.startsWith(basename(log))).map((name) => join(dirname(log), name))
}

/** Where a container's files are does not change, and is asked once. */
export const createDiskUsageReader = (docker: Docker) => {
  const places = new Map<string, Places>()
  const maxRemembered = 2000

  const placesOf = async (id: string): Promise<Places | undefined> => {
    const known = places.get(id)
    if (known !== undefined) return known
    const info = await orUndefined(docker.getContainer(id).inspect())
    if (info === undefined) return undefined
    const graph: unknown = info.GraphDriver.Data
    const { UpperDir: layer = '' } = (graph ?? {}) as { UpperDir?: string }
    const found = { layer, log: (info as { LogPath?: string }).LogPath ?? '' }
    if (places.size >= maxRemembered) places.clear()
    places.set(id, found)
    return found
  }

  return async (id: string): Promise<ContainerDiskUsage | undefined> => {
    const found = await placesOf(id)
    if (found === undefined) return undefined
    const [rootfs, logs] = await Promise.all([
      found.layer === '' ? noUsage : diskUsage(found.layer),
      logFiles(found.log).then((files) => Promise.all(files.map(diskUsage))),
    ])
    return { rootfs, logs: addUsage(logs) }
  }
}
