/** The files of one container's log: the present one, and those that rotation has put away beside it. */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createGunzip } from 'node:zlib'

export interface RotatedLog {
  readonly path: string
  readonly compressed: boolean
  readonly inode: number
  /** Of the last change, in milliseconds since the epoch. */
  readonly changedAt: number
}

/** `20060102-150405` behind a dot, in UTC: what rotated files are called, so that names are in order of time. */
export const rotatedName = (log: string, now: number): string => {
  const [date = '', time = ''] = new Date(now).toISOString().split('T')
  return `${log}.${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`
}

/** Oldest first. What is being compressed is there once: as the whole file. */
export const rotatedLogs = async (log: string): Promise<RotatedLog[]> => {
  const folder = dirname(log)
  const prefix = `${basename(log)}.`
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.startsWith(prefix)).sort()
  const found = await Promise.all(
    names
      .filter((name) => !name.endsWith('.tmp') && !(name.endsWith('.gz') && names.includes(name.slice(0, -3))))
      .map(async (name): Promise<RotatedLog | undefined> => {
        const path = join(folder, name)
        const info = await stat(path).catch(() => undefined)
        return info && { path, compressed: name.endsWith('.gz'), inode: info.ino, changedAt: info.mtimeMs }
      }),
  )
  return found.filter((file) => file !== undefined)
}

/** The bytes of a rotated file. */
export const readRotated = ({ path, compressed }: RotatedLog): AsyncIterable<Buffer> => {
  const source = createReadStream(path)
  if (!compressed) return source as AsyncIterable<Buffer>
  const plain = createGunzip()
  source.on('error', (error) => plain.destroy(error))
  return source.pipe(plain) as AsyncIterable<Buffer>
}

/** Undefined where the file does not exist. */
export const openLog = async (path: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const newline = 0x0a
export const blockBytes = 64 * 1024

/** Lines that end in a piece of a file. */
export const countLines = (data: Buffer): number => {
  let count = 0
  for (let at = data.indexOf(newline); at >= 0; at = data.indexOf(newline, at + 1)) count++
  return count
}

/** Where the last `lines` lines of a file begin, and how many there are if it has fewer. */
export const tailStart = async (
  file: FileHandle,
  size: number,
  lines: number,
): Promise<{ readonly offset: number; readonly lines: number }> => {
  const block = Buffer.allocUnsafe(blockBytes)
  let found = 0
  let end = size
  if (lines === 0) return { offset: size, lines: 0 }
  while (end > 0) {
    const start = Math.max(0, end - blockBytes)
    const { bytesRead } = await file.read(block, 0, end - start, start)
    for (let at = block.subarray(0, bytesRead).lastIndexOf(newline); at >= 0; at = block.lastIndexOf(newline, at - 1)) {
      // The line before this newline begins behind the one that is found next.
      if (found === lines) return { offset: start + at + 1, lines }
      found++
      if (at === 0) break
    }
    end = start
  }
  return { offset: 0, lines: Math.min(found, lines) }
}
