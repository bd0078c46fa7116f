/** Certificates from files, re-read when they change: rotation needs no restart. */
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../logging/logger.ts'
import { type Clock, realClock, type TimerHandle } from '../clock.ts'

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  /** CA whose client certificates are accepted; '' accepts none. */
  readonly clientCaFile?: string
}

export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
}

const isGiven = (path: string | undefined): path is string => path !== undefined && path !== ''

/** Reads all files; throws if one is missing. */
export const readTlsFiles = ({ certFile, keyFile, clientCaFile }: TlsFiles): TlsMaterial => ({
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
  ...(isGiven(clientCaFile) ? { ca: readFileSync(clientCaFile) } : {}),
})

/** How often files are looked at beside being watched: inotify misses what happens on some mounts. */
const pollMs = 60_000
/** Certificate and key are two writes: after the first, the second is waited for. */
const settleMs = 100

/**
 * Calls `look` when any of the files may have changed, until the signal is aborted. Directories are watched, not
 * files: those are replaced by renames (and by a symlink's swap in mounted Secrets).
 */
export const watchFiles = (
  paths: readonly string[],
  look: () => void,
  { signal, clock = realClock }: { readonly signal: AbortSignal; readonly clock?: Clock },
): void => {
  if (paths.length === 0 || signal.aborted) return
  let timer: TimerHandle | undefined
  const schedule = (ms: number): void => {
    if (timer !== undefined) clock.clearTimeout(timer)
    timer = clock.setTimeout(() => {
      look()
      schedule(pollMs)
    }, ms)
    timer.unref()
  }
  const watchers: FSWatcher[] = []
  for (const directory of new Set(paths.map((path) => dirname(path)))) {
    try {
      const watcher = watch(directory, { persistent: false }, () => schedule(settleMs))
      watchers.push(watcher.on('error', () => watcher.close()))
    } catch {
      // Out of inotify watches, or no such directory yet: the poll serves.
    }
  }
  schedule(pollMs)
  signal.addEventListener(
    'abort',
    () => {
      if (timer !== undefined) clock.clearTimeout(timer)
      for (const watcher of watchers) watcher.close()
    },
    { once: true },
  )
}

/** Changes with every file's content, as far as stat tells. */
const stampOf = (paths: readonly string[]): string =>
  paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat === undefined ? '' : `${stat.ino}:${stat.mtimeMs}:${stat.size}`
    })
    .join()

/**
 * Calls `changed` with new material when a file changed and all fit together; until then the old ones stay in use.
 * Empty file names are not watched.
 */
export const watchTlsFiles = (files: TlsFiles, changed: (material: TlsMaterial) => void, signal: AbortSignal): void => {
  const paths = [files.certFile, files.keyFile, files.clientCaFile].filter(isGiven)
  let last = stampOf(paths)
  const look = (): void => {
    const now = stampOf(paths)
    if (now === last) return
    try {
      const material = readTlsFiles(files)
      createSecureContext(material) // throws if certificate and key are no pair
      changed(material)
      last = now
    } catch {
      // Half-written: the next look finds them whole.
    }
  }
  watchFiles(paths, look, { signal })
}

/** Calls `changed` with the file's content whenever it is another; one that cannot be read leaves the last in use. */
export const watchFileContent = (
  path: string,
  changed: (content: Buffer) => void,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): void => {
  let last = readFileSync(path)
  const look = (): void => {
    try {
      const now = readFileSync(path)
      if (now.equals(last)) return
      changed(now)
      last = now
      log.info({ file: path }, 'file read again')
    } catch (err) {
      log.warn({ err, file: path }, 'cannot read the file: what it said before stays')
    }
  }
  watchFiles([path], look, { signal })
}
