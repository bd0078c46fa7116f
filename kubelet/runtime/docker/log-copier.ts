/**
 * Docker's own log files are JSON, and in a folder of its own: what the node's log agents read under /var/log/pods is a
 * copy in CRI's format. It costs nothing while nothing is written (inotify wakes it), and a copy goes on where an
 * earlier kubelet left it, by the times of its entries. `kubectl logs` reads the engine's files, not the copy.
 */
import { type FSWatcher, watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { sleep } from '../../../component-base/clock.ts'
import { rotatedLogs } from '../../logs/log-files.ts'
import { createSkipper, type Mark, markOf, noMark, toCriLine } from './json-log.ts'

export interface CopiedLog {
  readonly id: string
  /** The engine's file. */
  readonly source: string
  /** The copy. */
  readonly target: string
}

export interface LogCopier {
  /** Copies what there is and what comes. Rejects where the engine's file cannot be read from here. */
  follow(log: CopiedLog): Promise<void>
  /** Copies the rest of a container that has ended; nothing to do for one that is not followed. */
  finish(id: string): Promise<void>
  /** The copy was renamed: what comes goes into a new one. */
  reopen(id: string): Promise<void>
  close(): void
}

/** Writers of many lines wake the copier no more often than this. */
const batchMs = 200
const blockBytes = 128 * 1024

/** The engine's files of one container, oldest first: `….log.2`, `….log.1`, `….log`. */
const sourceFiles = async (source: string): Promise<string[]> => {
  const files = [source]
  for (let number = 1; ; number++) {
    const older = `${source}.${number}`
    if ((await stat(older).catch(() => undefined)) === undefined) return files
    files.unshift(older)
  }
}

/** Opens a copy to go on with. What is left of a line that a lost machine cut off goes. */
const openCopy = async (target: string): Promise<{ file: FileHandle; mark: Mark }> => {
  const file = await open(target, 'a+', 0o640)
  const { mark, wholeBytes } = await markOf(file)
  await file.truncate(wholeBytes)
  if (mark !== noMark) return { file, mark }
  // A new file after a rotation: the one before it says how far the copy is.
  const before = (await rotatedLogs(target)).findLast(({ compressed }) => !compressed)
  if (before === undefined) return { file, mark }
  const old = await open(before.path, 'r')
  try {
    return { file, mark: (await markOf(old)).mark }
  } finally {
    await old.close()
  }
}

const createCopy = async ({ source, target }: CopiedLog) => {
  // The engine's file first: where it cannot be read there is no copy, and nothing to close.
  let input = await open((await sourceFiles(source))[0] ?? source, 'r')
  const opened = await openCopy(target).catch(async (error: unknown) => {
    await input.close()
    throw error
  })
  let copy = opened.file
  const wanted = createSkipper(opened.mark)
  let inode = (await input.stat()).ino
  let offset = 0
  const block = Buffer.allocUnsafe(blockBytes)

  const readToEnd = async (): Promise<void> => {
    for (;;) {
      const { bytesRead } = await input.read(block, 0, blockBytes, offset)
      if (bytesRead === 0) return
      // What is behind the last newline is read again with the rest of its line. No entry is as long as a block.
      const end = block.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
      if (end === 0 && bytesRead < blockBytes) return
      const length = end === 0 ? bytesRead : end
      offset += length
      let text = ''
      for (const line of block.toString('utf8', 0, length).split('\n')) {
        if (line !== '' && wanted(line)) text += toCriLine(line)
      }
      if (text !== '') await copy.appendFile(text)
    }
  }

  /** The file after the one that is read now; undefined when that is the last. */
  const nextFile = async (): Promise<string | undefined> => {
    const files = await sourceFiles(source)
    const inodes = await Promise.all(files.map(async (path) => (await stat(path).catch(() => undefined))?.ino))
    // Where the engine has thrown ours away already, the oldest that is left comes next.
    return files[inodes.indexOf(inode) + 1]
  }

  return {
    run: async (): Promise<void> => {
      for (;;) {
        await readToEnd()
        const next = await nextFile()
        if (next === undefined) return
        // What was written to it before it was renamed.
        await readToEnd()
        await input.close()
        input = await open(next, 'r')
        inode = (await input.stat()).ino
        offset = 0
      }
    },
    reopen: async (): Promise<void> => {
      await copy.close()
      copy = await open(target, 'a', 0o640)
    },
    close: async (): Promise<void> => {
      await Promise.all([copy.close(), input.close()])
    },
  }
}

type Copy = Awaited<ReturnType<typeof createCopy>>

interface Entry {
  readonly copy: Promise<Copy>
  watcher: FSWatcher | undefined
  /** What is done with the copy, one thing after the other. */
  work: Promise<void>
  /** A round waits to begin. */
  isWaiting: boolean
}

export const createLogCopier = (onError: (error: unknown, id: string) => void): LogCopier => {
  const entries = new Map<string, Entry>()

  const inTurn = (entry: Entry, work: (copy: Copy) => Promise<void>): Promise<void> => {
    const done = entry.work.then(async () => work(await entry.copy))
    entry.work = done.catch(() => undefined)
    return done
  }

  const wake = (id: string, entry: Entry): void => {
    if (entry.isWaiting) return
    entry.isWaiting = true
    const round = async (copy: Copy): Promise<void> => {
      await sleep(batchMs)
      entry.isWaiting = false
      await copy.run()
    }
    inTurn(entry, round).catch((error: unknown) => onError(error, id))
  }

  const end = async (id: string): Promise<void> => {
    const entry = entries.get(id)
    if (entry === undefined) return
    entries.delete(id)
    entry.watcher?.close()
    await inTurn(entry, async (copy) => {
      await copy.run().finally(() => copy.close())
    })
  }

  return {
    follow: async (log) => {
      if (entries.has(log.id)) return
      const entry: Entry = { copy: createCopy(log), watcher: undefined, work: Promise.resolve(), isWaiting: false }
      entries.set(log.id, entry)
      try {
        await entry.copy
        // It was ended meanwhile, and nobody would close a watcher.
        if (entries.get(log.id) !== entry) return
        entry.watcher = watch(dirname(log.source), { persistent: false }, (_event, name) => {
          if (name === null || name.startsWith(basename(log.source))) wake(log.id, entry)
        })
        entry.watcher.on('error', (error) => onError(error, log.id))
        await inTurn(entry, (copy) => copy.run())
      } catch (error) {
        entry.watcher?.close()
        entries.delete(log.id)
        entry.copy.then((copy) => copy.close()).catch(() => undefined)
        throw error
      }
    },
    finish: end,
    reopen: async (id) => {
      const entry = entries.get(id)
      // All that is in the engine's file belongs to the old copy or to the new one: it does not matter to which.
      if (entry !== undefined) await inTurn(entry, (copy) => copy.reopen())
    },
    close: () => {
      for (const { watcher, copy } of entries.values()) {
        watcher?.close()
        copy.then((made) => made.close()).catch(() => undefined)
      }
      entries.clear()
    },
  }
}
