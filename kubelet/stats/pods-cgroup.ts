/** What all Pods of the node use together, and each of them, by the cgroups that they share. Both versions of cgroups. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hierarchies, placesOf } from '../container/pod-cgroup.ts'

/** The cgroup of all Pods, by either driver. */
const podsFolders = ['kubepods', 'kubepods.slice'] as const
/** A limit that the kernel has for none. */
const unlimitedBytes = 2 ** 62

const readNumber = async (path: string): Promise<number | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text === '' || text.startsWith('max') ? undefined : Number(text)
}

const usageOf = async (folder: string): Promise<{ limitBytes: number; workingSetBytes: number } | undefined> => {
  const [v2Limit, v1Limit, v2Usage, v1Usage, stat] = await Promise.all([
    readNumber(join(folder, 'memory.max')),
    readNumber(join(folder, 'memory.limit_in_bytes')),
    readNumber(join(folder, 'memory.current')),
    readNumber(join(folder, 'memory.usage_in_bytes')),
    readFile(join(folder, 'memory.stat'), 'utf8').catch(() => ''),
  ])
  const limitBytes = v2Limit ?? v1Limit
  const usage = v2Usage ?? v1Usage
  if (limitBytes === undefined || limitBytes >= unlimitedBytes || usage === undefined) return undefined
  const name = v2Usage === undefined ? 'total_inactive_file' : 'inactive_file'
  const inactive = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return { limitBytes, workingSetBytes: Math.max(0, usage - inactive) }
}

/** Undefined where there is no such cgroup, or it has no limit. */
export const allPodsMemory = async (): Promise<{ limitBytes: number; workingSetBytes: number } | undefined> => {
  const roots = await hierarchies('memory')
  for (const root of roots) {
    for (const folder of podsFolders) {
      const usage = await usageOf(join(root, folder))
      if (usage !== undefined) return usage
    }
  }
  return undefined
}

/** Processes of one Pod; 0 where none are counted. */
export const podProcesses = async (podUid: string): Promise<number> => {
  const roots = await hierarchies('pids')
  const counts = await Promise.all(
    roots.flatMap((root) => placesOf(podUid).map((path) => readNumber(join(root, path, 'pids.current')))),
  )
  return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
}
