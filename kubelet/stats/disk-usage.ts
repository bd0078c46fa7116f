/** How much of a disk a folder takes: what `du` counts. */
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'

export interface FsUsage {
  readonly usedBytes: number
  readonly inodesUsed: number
}

export const noUsage: FsUsage = { usedBytes: 0, inodesUsed: 0 }

export const addUsage = (usages: readonly FsUsage[]): FsUsage => ({
  usedBytes: usages.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
  inodesUsed: usages.reduce((sum, { inodesUsed }) => sum + inodesUsed, 0),
})

/** Size of a block in which file systems report, whatever their own is. */
const blockBytes = 512

/**
 * A file or a folder with all below it on the same file system; what has several names is counted once. What vanishes
 * meanwhile is not counted, and a path that is not there uses nothing.
 */
export const diskUsage = async (path: string): Promise<FsUsage> => {
  const seen = new Set<string>()
  let usedBytes = 0
  let inodesUsed = 0
  const root = await lstat(path).catch(() => undefined)
  if (root === undefined) return noUsage

  const visit = async (at: string): Promise<void> => {
    const info = await lstat(at).catch(() => undefined)
    if (info === undefined || info.dev !== root.dev) return
    if (info.nlink > 1 && !info.isDirectory()) {
      const id = String(info.ino)
      if (seen.has(id)) return
      seen.add(id)
    }
    usedBytes += info.blocks * blockBytes
    inodesUsed++
    if (!info.isDirectory()) return
    const folder = await opendir(at).catch(() => undefined)
    if (folder === undefined) return
    try {
      for await (const entry of folder) await visit(join(at, entry.name))
    } catch {
      // The folder was removed while it was read.
    }
  }
  await visit(path)
  return { usedBytes, inodesUsed }
}
