/** fsGroup: gives the volume to a group. Upstream: SetVolumeOwnership. */
import { chmod, chown, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const fileMask = 0o660
const folderMask = 0o2770

const own = async (path: string, gid: number): Promise<void> => {
  const info = await lstat(path)
  if (info.isSymbolicLink()) return
  if (info.gid !== gid) await chown(path, info.uid, gid)
  await chmod(path, (info.mode & 0o7777) | (info.isDirectory() ? folderMask : fileMask))
  if (!info.isDirectory()) return
  for (const name of await readdir(path)) await own(join(path, name), gid)
}

/** Group, rw for it, and setgid on folders. With OnRootMismatch only when the top of the volume is not yet so. */
export const setVolumeOwnership = async (volume: string, gid: number, policy: string | undefined): Promise<void> => {
  if (policy === 'OnRootMismatch') {
    const { gid: actual, mode } = await lstat(volume)
    if (actual === gid && (mode & folderMask) === folderMask) return
  }
  await own(volume, gid)
}
