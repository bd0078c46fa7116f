/**
 * Reads a container's log in CRI's format over all its files, rotated and compressed ones included, and follows it.
 * Upstream (kuberuntime/logs) shows the present file alone; here what rotation has put away is shown, too.
 */
import { watch } from 'node:fs'
import { type FileHandle, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { sleep } from '../../component-base/clock.ts'
import type { LogChunk, LogOptions } from '../runtime/runtime-service.ts'
import { fixedTime, parseLine } from './cri-format.ts'
import { blockBytes, countLines, openLog, readRotated, rotatedLogs, type RotatedLog, tailStart } from './log-files.ts'

export interface ReadLogOptions extends LogOptions {
  /** Whether more may be written. */
  readonly isRunning: () => Promise<boolean>
}

/** How often a follower of a silent log asks whether the container is still there. */
const stateCheckMs = 1000
const newline = Buffer.from('\n')

/** Splits bytes into lines and makes of them what the reader asked for. Ends of lines may come in the next piece. */
const createLines = ({ timestamps, sinceMs, stdout, stderr }: LogOptions) => {
  let rest: Buffer = Buffer.alloc(0)
  let since = sinceMs
  /** Times stand at the start of a line, not within it. */
  const inLine = { stdout: false, stderr: false }
  return (data: Buffer): LogChunk[] => {
    const chunks: { stderr: boolean; parts: Buffer[] }[] = []
    const all = rest.length === 0 ? data : Buffer.concat([rest, data])
    let start = 0
    for (let end = all.indexOf(0x0a); end >= 0; end = all.indexOf(0x0a, start)) {
      const line = parseLine(all.subarray(start, end))
      start = end + 1
      if (line === undefined || !(line.stderr ? stderr : stdout)) continue
      if (since > 0) {
        if (Date.parse(line.time) < since) continue
        since = 0 // lines are in order
      }
      const stream = line.stderr ? 'stderr' : 'stdout'
      let last = chunks.at(-1)
      if (last?.stderr !== line.stderr) {
        last = { stderr: line.stderr, parts: [] }
        chunks.push(last)
      }
      if (timestamps && !inLine[stream]) last.parts.push(Buffer.from(`${fixedTime(line.time)} `))
      last.parts.push(line.text)
      if (!line.partial) last.parts.push(newline)
      inLine[stream] = line.partial
    }
    rest = Buffer.from(all.subarray(start))
    return chunks.map(({ stderr: isStderr, parts }) => ({ stderr: isStderr, data: Buffer.concat(parts) }))
  }
}

/** Passes over the first lines. */
async function* skipLines(source: AsyncIterable<Buffer>, lines: number): AsyncGenerator<Buffer> {
  let left = lines
  for await (const data of source) {
    let start = 0
    while (left > 0) {
      const end = data.indexOf(0x0a, start)
      if (end < 0) break
      start = end + 1
      left--
    }
    if (left === 0) yield data.subarray(start)
  }
}

interface Piece {
  readonly file: RotatedLog
  readonly skip: number
}

/** Which rotated files are to be read, and from which line: all that is needed to have `lines` lines. */
const rotatedPieces = async (files: readonly RotatedLog[], lines: number | undefined): Promise<Piece[]> => {
  if (lines === undefined) return files.map((file) => ({ file, skip: 0 }))
  const pieces: Piece[] = []
  let wanted = lines
  for (const file of files.toReversed()) {
    if (wanted <= 0) break
    let has = 0
    for await (const data of readRotated(file)) has += countLines(data)
    pieces.unshift({ file, skip: Math.max(0, has - wanted) })
    wanted -= has
  }
  return pieces
}

/** Reads a file from an offset to its present end. Returns the new offset. */
async function* readOn(file: FileHandle, from: number): AsyncGenerator<Buffer, number> {
  let offset = from
  for (;;) {
    const block = Buffer.allocUnsafe(blockBytes)
    const { bytesRead } = await file.read(block, 0, blockBytes, offset)
    if (bytesRead === 0) return offset
    offset += bytesRead
    yield block.subarray(0, bytesRead)
  }
}

/** Wakes whoever waits when something happens to the file; one that was missed is not lost. */
const watchFile = (path: string, signal: AbortSignal) => {
  let changed = false
  let wake = (): void => undefined
  const watcher = watch(dirname(path), { signal }, (_event, name) => {
    if (name !== null && name !== basename(path)) return
    changed = true
    wake()
  })
  watcher.on('error', () => undefined) // the folder is gone: so is the container
  return {
    /** Resolves with false when nothing has happened for a while. */
    wait: async (): Promise<boolean> => {
      if (!changed) {
        const woken = new Promise<void>((resolve) => (wake = resolve))
        const rest = new AbortController()
        await Promise.race([woken, sleep(stateCheckMs, AbortSignal.any([signal, rest.signal])).catch(() => undefined)])
        rest.abort()
      }
      const happened = changed
      changed = false
      return happened
    },
    close: (): void => watcher.close(),
  }
}

/** Rejects where there is no such log; ends with the container when it follows, else at the end of the file. */
export async function* readLog(path: string, options: ReadLogOptions, signal: AbortSignal): AsyncGenerator<LogChunk> {
  let file = await openLog(path)
  if (file === undefined)
    throw new Error(
      `failed to try resolving symlinks in path ${JSON.stringify(path)}: lstat ${path}: no such file or directory`,
    )
  const lines = createLines(options)
  let watcher: ReturnType<typeof watchFile> | undefined
  try {
    // It throws where the system has no watches left.
    if (options.follow) watcher = watchFile(path, signal)
    let { ino, size } = await file.stat()
    const { tailLines, sinceMs } = options
    const tail = tailLines === undefined ? undefined : await tailStart(file, size, tailLines)
    const missing = tail === undefined ? undefined : (tailLines ?? 0) - tail.lines
    const rotated = (await rotatedLogs(path)).filter(({ inode, changedAt }) => inode !== ino && changedAt >= sinceMs)
    for (const { file: old, skip } of await rotatedPieces(rotated, missing)) {
      for await (const data of skipLines(readRotated(old), skip)) {
        if (signal.aborted) return
        yield* lines(data)
      }
    }
    let offset = tail?.offset ?? 0
    const readToEnd = async function* (from: FileHandle): AsyncGenerator<LogChunk> {
      const reading = readOn(from, offset)
      for (;;) {
        const { done, value } = await reading.next()
        if (done === true) {
          offset = value
          return
        }
        if (signal.aborted) return
        yield* lines(value)
      }
    }
    yield* readToEnd(file)
    while (watcher !== undefined && !signal.aborted) {
      const happened = await watcher.wait()
      const running = happened || (await options.isRunning())
      const present = await stat(path).catch(() => undefined)
      yield* readToEnd(file)
      if (present !== undefined && present.ino !== ino) {
        // It was rotated: what is in the old file was read to its end, now that the new one is written to.
        const next = await openLog(path)
        if (next !== undefined) {
          await file.close()
          file = next
          ino = (await next.stat()).ino
          offset = 0
          yield* readToEnd(file)
        }
      }
      if (!running) return
    }
  } finally {
    watcher?.close()
    await file.close()
  }
}
