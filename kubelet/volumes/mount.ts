/** Mounts of memory file systems, and of parts of volumes, in the host's mount namespace, where the container engine sees them. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, rmdir } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Mount points at or below the folder, deepest first. */
export const mountPointsUnder = async (folder: string): Promise<string[]> => {
  const text = await readFile('/proc/self/mountinfo', 'utf8')
  return text
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_match, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .toSorted((a, b) => b.length - a.length)
}

/** Mounts a tmpfs unless one is there; sizeBytes 0 is the kernel's default (half of the memory). */
export const mountTmpfs = async (folder: string, sizeBytes: number): Promise<void> => {
  await mkdir(folder, { recursive: true })
  if ((await mountPointsUnder(folder)).includes(folder)) return
  const options = ['mode=0777', ...(sizeBytes === 0 ? [] : [`size=${sizeBytes}`])]
  await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', folder])
}

/**
 * The arguments of mount(8) for a share of an NFS server, whose helper (mount.nfs) does the rest. Upstream: pkg/volume/nfs.
 */
export const nfsArguments = (
  { server, path, readOnly }: { readonly server: string; readonly path: string; readonly readOnly: boolean },
  options: readonly string[],
  folder: string,
): string[] => {
  const host = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server
  const all = [...options, ...(readOnly ? ['ro'] : [])]
  return ['-t', 'nfs', ...(all.length === 0 ? [] : ['-o', all.join(',')]), `${host}:${path}`, folder]
}

/** Mounts it unless something is mounted there. Rejects with what mount says. */
export const mountNfs = async (
  share: { readonly server: string; readonly path: string; readonly readOnly: boolean },
  options: readonly string[],
  folder: string,
): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o750 })
  if ((await mountPointsUnder(folder)).includes(folder)) return
  await run('mount', nfsArguments(share, options, folder), { timeout: 60_000 })
}

/** Binds a file or folder; what is bound there already goes. `makeTarget` makes the place. */
export const bindMount = async (source: string, target: string, makeTarget: () => Promise<void>): Promise<void> => {
  await unmountUnder(target)
  // Never recursively: were something still bound there, it would be the volume's.
  await rmdir(target).catch(() => rm(target, { force: true }))
  await makeTarget()
  // The source is a link of /proc, which must be taken as it is.
  await run('mount', ['--no-canonicalize', '--bind', source, target])
}

/** Unmounts everything at or below the folder. */
export const unmountUnder = async (folder: string): Promise<void> => {
  const points = await mountPointsUnder(folder)
  if (points.length > 0) await run('umount', ['-l', ...points])
}
