/**
 * The file that says how many commits were acknowledged, beside LevelDB's own: LevelDB takes a log that ends early for
 * a log that was never longer, and only somebody else can know better.
 *
 * It is written after the commit and without an fsync, so it costs no writer any time; it may be behind, never ahead.
 * A killed process leaves it behind by the commit in flight, a loss of power by some seconds, a clean end not at all.
 */
import { write } from 'node:fs'
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { CorruptStoreError } from './corrupt.ts'

export const acknowledgedFile = 'ACKNOWLEDGED'
const bytes = 12

const encode = (commits: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeBigUInt64BE(BigInt(commits))
  buffer.writeUInt32BE(crc32(buffer.subarray(0, 8)), 8)
  return buffer
}

/** Reads the file of a store; undefined if there is none. Throws CorruptStoreError when it is damaged. */
export const readAcknowledged = async (dir: string): Promise<number | undefined> => {
  const path = join(dir, acknowledgedFile)
  let content: Buffer
  try {
    content = await readFile(path)
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return undefined
    throw err
  }
  if (content.length !== bytes || crc32(content.subarray(0, 8)) !== content.readUInt32BE(8)) {
    throw new CorruptStoreError(`the file ${path} is damaged`)
  }
  return Number(content.readBigUInt64BE())
}

const syncDirectory = async (dir: string): Promise<void> => {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the file, whole or not at all. */
export const createAcknowledged = async (dir: string): Promise<void> => {
  const path = join(dir, acknowledgedFile)
  const handle = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await handle.writeFile(encode(0))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.tmp`, path)
  await syncDirectory(dir)
}

export class AcknowledgedCommits {
  readonly #handle: FileHandle
  readonly #onFailed: (err: unknown) => void
  #wanted = 0
  #writing: PromiseWithResolvers<void> | undefined

  private constructor(handle: FileHandle, onFailed: (err: unknown) => void) {
    this.#handle = handle
    this.#onFailed = onFailed
  }

  static async open(dir: string, onFailed: (err: unknown) => void): Promise<AcknowledgedCommits> {
    return new AcknowledgedCommits(await open(join(dir, acknowledgedFile), 'r+'), onFailed)
  }

  /** Notes that so many commits are on the disk. Does not wait; what comes while a write runs is written together. */
  advance(commits: number): void {
    this.#wanted = commits
    if (this.#writing !== undefined) return
    this.#writing = Promise.withResolvers()
    this.#write(commits)
  }

  /** Call it after the last `advance`. */
  async close(): Promise<void> {
    await this.#writing?.promise
    await this.#handle.sync()
    await this.#handle.close()
  }

  /** With a callback: this runs for every commit, and a promise costs more than the write. */
  #write(commits: number): void {
    write(this.#handle.fd, encode(commits), 0, bytes, 0, (err, written) => {
      if (err !== null || written !== bytes) this.#onFailed(err ?? new Error(`${acknowledgedFile} was written in part`))
      else if (commits !== this.#wanted) {
        this.#write(this.#wanted)
        return
      }
      this.#writing?.resolve()
      this.#writing = undefined
    })
  }
}
