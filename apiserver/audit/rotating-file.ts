/**
 * A log file that is put aside when it is full. Names, ages and compression of old files are lumberjack's, which
 * upstream uses: `audit-2026-01-02T03-04-05.006.log` beside `audit.log`, `.gz` if compressed.
 */
import { constants, createReadStream, createWriteStream, mkdirSync, openSync, closeSync } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'

export interface RotationOptions {
  readonly path: string
  /** 0: never. */
  readonly maxSizeBytes: number
  /** How many old files stay; 0: all. */
  readonly maxBackups: number
  /** How old a file may get; 0: any age. */
  readonly maxAgeDays: number
  readonly compress: boolean
}

const fileMode = 0o600
const dayMs = 24 * 3600 * 1000

/** Makes the file and its directory, for their owner alone. Throws if that cannot be. */
export const ensureLogFile = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, constants.O_CREAT | constants.O_APPEND | constants.O_RDWR, fileMode))
}

const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 23).replaceAll(':', '-')

interface OldFile {
  readonly path: string
  readonly takenMs: number
}

const stampPattern = /^(\d{4}-\d{2}-\d{2}T\d{2})-(\d{2})-(\d{2}\.\d{3})$/

export class RotatingFile {
  readonly #options: RotationOptions
  readonly #clock: Clock
  readonly #log: Logger
  #handle: FileHandle | undefined
  #size = 0
  /** Cleaning up runs behind the writes, one at a time. */
  #cleaning: Promise<void> = Promise.resolve()

  constructor(options: RotationOptions, clock: Clock, log: Logger) {
    this.#options = options
    this.#clock = clock
    this.#log = log
  }

  /** Appends whole lines. May not be called again before it is done. Rejects if they could not be written. */
  async append(bytes: Buffer): Promise<void> {
    const { maxSizeBytes } = this.#options
    if (maxSizeBytes > 0 && bytes.length > maxSizeBytes) {
      throw new Error(`write length ${bytes.length} exceeds maximum file size ${maxSizeBytes}`)
    }
    let handle = this.#handle ?? (await this.#open())
    if (maxSizeBytes > 0 && this.#size + bytes.length > maxSizeBytes) handle = await this.#rotate()
    let written = 0
    while (written < bytes.length) {
      const { bytesWritten } = await handle.write(bytes, written)
      written += bytesWritten
      this.#size += bytesWritten
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    await this.#cleaning
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.#options.path, 'a', fileMode)
    this.#size = (await handle.stat()).size
    this.#handle = handle
    this.#clean()
    return handle
  }

  async #rotate(): Promise<FileHandle> {
    const { path } = this.#options
    await this.#handle?.close()
    this.#handle = undefined
    await rename(path, await this.#nameForOld())
    return this.#open()
  }

  get #prefix(): string {
    const { path } = this.#options
    return `${basename(path, extname(path))}-`
  }

  async #nameForOld(): Promise<string> {
    const { path } = this.#options
    for (let ms = this.#clock.now(); ; ms++) {
      const name = join(dirname(path), `${this.#prefix}${stamp(ms)}${extname(path)}`)
      // Two in one millisecond: the first must not be written over.
      const taken = await Promise.all([name, `${name}.gz`].map((file) => stat(file).catch(() => undefined)))
      if (taken.every((file) => file === undefined)) return name
    }
  }

  #clean(): void {
    this.#cleaning = this.#cleaning
      .then(() => this.#cleanNow())
      .catch((err: unknown) => this.#log.warn({ err, path: this.#options.path }, 'cannot clean up old log files'))
  }

  async #cleanNow(): Promise<void> {
    const { maxBackups, maxAgeDays, compress } = this.#options
    const oldFiles = await this.#oldFiles()
    const oldest = this.#clock.now() - maxAgeDays * dayMs
    const stays = ({ takenMs }: OldFile, index: number): boolean =>
      (maxBackups === 0 || index < maxBackups) && (maxAgeDays === 0 || takenMs >= oldest)
    for (const file of oldFiles.filter((old, index) => !stays(old, index))) await unlink(file.path)
    if (!compress) return
    for (const { path } of oldFiles.filter(stays)) if (!path.endsWith('.gz')) await compressFile(path)
  }

  /** Newest first. */
  async #oldFiles(): Promise<OldFile[]> {
    const { path } = this.#options
    const directory = dirname(path)
    const extension = extname(path)
    const files = (await readdir(directory)).flatMap((name): OldFile[] => {
      const plain = name.endsWith('.gz') ? name.slice(0, -3) : name
      if (!plain.startsWith(this.#prefix) || !plain.endsWith(extension)) return []
      const match = stampPattern.exec(plain.slice(this.#prefix.length, plain.length - extension.length))
      if (match === null) return []
      return [{ path: join(directory, name), takenMs: Date.parse(`${match[1]}:${match[2]}:${match[3]}Z`) }]
    })
    return files.toSorted((a, b) => b.takenMs - a.takenMs)
  }
}

/** Under a name of its own until it is whole. */
const compressFile = async (path: string): Promise<void> => {
  const partial = `${path}.gz.part`
  await pipeline(createReadStream(path), createGzip(), createWriteStream(partial, { mode: fileMode }))
  await rename(partial, `${path}.gz`)
  await unlink(path)
}
