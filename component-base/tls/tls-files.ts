/** Certificates from files, re-read when they change: rotation needs no restart. */
import { readFileSync, statSync, unwatchFile, watchFile } from 'node:fs'

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

/** Reads all files; throws if one is missing. */
export const readTlsFiles = ({ certFile, keyFile, clientCaFile }: TlsFiles): TlsMaterial => ({
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
  ...(clientCaFile === undefined || clientCaFile === '' ? {} : { ca: readFileSync(clientCaFile) }),
})

/** How often files are looked at: inotify misses renames into place on some mounts, and a minute is soon enough. */
const pollMs = 60_000

/** Calls `changed` with new material whenever a file changed and all can be read; until then the old ones stay. */
export const watchTlsFiles = (files: TlsFiles, changed: (material: TlsMaterial) => void, signal: AbortSignal): void => {
  const paths = [files.certFile, files.keyFile, files.clientCaFile ?? ''].filter((path) => path !== '')
  const stamp = (): string => paths.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0).join()
  let last = stamp()
  const look = (): void => {
    const now = stamp()
    if (now === last) return
    try {
      changed(readTlsFiles(files))
      last = now
    } catch {
      // Half-written: the next look finds it whole.
    }
  }
  for (const path of paths) watchFile(path, { interval: pollMs, persistent: false }, look)
  signal.addEventListener(
    'abort',
    () => {
      for (const path of paths) unwatchFile(path, look)
    },
    { once: true },
  )
}
