/** A small file system of its own for a test: one that can be full, out of inodes, or read-only. Needs root. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Tmpfs extends Disposable {
  readonly path: string
  /** Changes options of the mount: `size=64m`, `nr_inodes=100`, `ro`. */
  readonly remount: (options: string) => void
}

export const mountTmpfs = (options: string): Tmpfs => {
  const path = mkdtempSync(join(tmpdir(), 'kubets-tmpfs-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  return {
    path,
    remount: (changed) => execFileSync('mount', ['-o', `remount,${changed}`, path]),
    [Symbol.dispose]: () => {
      execFileSync('umount', [path])
      rmdirSync(path)
    },
  }
}
