/** The cgroups of Pods. The engine makes them as parents of its containers, without limits, and leaves them behind. */
import { readdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const cgroupRoot = '/sys/fs/cgroup'
const qosFolders = ['', 'burstable', 'besteffort'] as const

/** Deepest first; a cgroup with processes stays. */
const removeTree = async (folder: string): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name))
  await rmdir(folder).catch(() => undefined)
}

/** Hierarchies: one in cgroup v2, one for each controller in v1, or that of the controller alone which is asked for. */
export const hierarchies = async (controller?: string): Promise<string[]> => {
  const names = await readdir(cgroupRoot, { withFileTypes: true }).catch(() => [])
  if (names.some(({ name }) => name === 'cgroup.controllers')) return [cgroupRoot]
  if (controller !== undefined) return [join(cgroupRoot, controller)]
  return names.filter((entry) => entry.isDirectory()).map(({ name }) => join(cgroupRoot, name))
}

/** Where a Pod's cgroup may be in a hierarchy, whatever its quality of service and the engine's driver are. */
export const placesOf = (podUid: string): string[] => {
  const slice = podUid.replaceAll('-', '_')
  return qosFolders.flatMap((qos) => [
    join('kubepods', qos, `pod${podUid}`),
    qos === ''
      ? join('kubepods.slice', `kubepods-pod${slice}.slice`)
      : join('kubepods.slice', `kubepods-${qos}.slice`, `kubepods-${qos}-pod${slice}.slice`),
  ])
}

/** Removes what is left of a Pod's cgroup. */
export const removePodCgroup = async (podUid: string): Promise<void> => {
  const roots = await hierarchies()
  const paths = placesOf(podUid)
  await Promise.all(roots.flatMap((root) => paths.map((path) => removeTree(join(root, path)))))
}

/**
 * Bounds the processes of all containers of a Pod together, whose sandbox runs. False if the kernel counts none here.
 * Upstream: KubeletConfiguration.podPidsLimit.
 */
export const limitPodPids = async (podUid: string, limit: number): Promise<boolean> => {
  const roots = await hierarchies('pids')
  const files = roots.flatMap((root) => placesOf(podUid).map((path) => join(root, path, 'pids.max')))
  const written = await Promise.all(
    files.map((file) =>
      writeFile(file, String(limit), { flag: 'r+' }).then(
        () => true,
        () => false, // no such cgroup
      ),
    ),
  )
  return written.includes(true)
}
