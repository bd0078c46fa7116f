/** hostPath volumes and their types. Upstream: pkg/volume/hostpath. */
import { mkdir, stat, writeFile } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { VolumeError } from './payload.ts'

const statOrUndefined = async (path: string): Promise<Stats | undefined> => {
  try {
    return await stat(path)
  } catch {
    return undefined
  }
}

const checks: Readonly<Record<string, { readonly test: (info: Stats) => boolean; readonly what: string }>> = {
  Directory: { test: (info) => info.isDirectory(), what: 'a directory' },
  DirectoryOrCreate: { test: (info) => info.isDirectory(), what: 'a directory' },
  File: { test: (info) => info.isFile(), what: 'a file' },
  FileOrCreate: { test: (info) => info.isFile(), what: 'a file' },
  Socket: { test: (info) => info.isSocket(), what: 'a socket' },
  CharDevice: { test: (info) => info.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { test: (info) => info.isBlockDevice(), what: 'a block device' },
}

/** Makes what an …OrCreate type asks for, and checks the rest; throws VolumeError. */
export const prepareHostPath = async (path: string, type: string): Promise<void> => {
  const check = checks[type]
  if (check === undefined) return
  let info = await statOrUndefined(path)
  if (info === undefined && type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 })
  if (info === undefined && type === 'FileOrCreate') await writeFile(path, '', { mode: 0o644, flag: 'a' })
  info = await statOrUndefined(path)
  if (info === undefined || !check.test(info))
    throw new VolumeError(`hostPath type check failed: ${path} is not ${check.what}`)
}
