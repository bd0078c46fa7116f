/** Who may read and write files: modes and owners, and the directories on the way. */
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Problem } from './check.ts'

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false })

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(3, '0')

/** Group and others come to a file only where they may pass all directories from `root` on. */
const reachable = (path: string, root: string): number => {
  let open = 0o077
  for (let folder = dirname(path); folder.startsWith(root); folder = dirname(folder)) {
    const mode = statOf(folder)?.mode ?? 0
    if ((mode & 0o010) === 0) open &= ~0o070
    if ((mode & 0o001) === 0) open &= ~0o007
  }
  return open
}

export interface Tree {
  /** The cluster's directory: paths are told relative to it, and above it anybody may pass. */
  readonly root: string
}

/** Told if the file lets more be done with it than `most`, or does not exist. */
export const modeProblem = (path: string, most: number, { root }: Tree): Problem => {
  const stat = statOf(path)
  if (stat === undefined) return `${relative(root, path)} does not exist`
  // What the owner may do is the owner's affair: plugins make lock files that could be run.
  return (stat.mode & reachable(path, root) & ~most) === 0
    ? undefined
    : `${relative(root, path)} has mode ${octal(stat.mode)}`
}

/** Told if anybody but root (or `owner`) owns the file, or it does not exist. */
export const ownerProblem = (path: string, { root }: Tree, owner = 0): Problem => {
  const stat = statOf(path)
  if (stat === undefined) return `${relative(root, path)} does not exist`
  return stat.uid === owner && stat.gid === owner
    ? undefined
    : `${relative(root, path)} is owned by ${stat.uid}:${stat.gid}`
}

/** All files under a directory, links among them; none if it does not exist. */
export const filesUnder = (folder: string): string[] => {
  if (statOf(folder)?.isDirectory() !== true) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesUnder(path) : [path]
  })
}

/** A private key is in it, or keys of encryption. */
export const isSecret = (path: string): boolean => {
  const text = statOf(path)?.isFile() === true ? readFileSync(path, 'latin1') : ''
  return text.includes('PRIVATE KEY-----') || text.includes('kind: EncryptionConfiguration')
}

export const isCertificate = (path: string): boolean => path.endsWith('.crt') || path.endsWith('.pem')
