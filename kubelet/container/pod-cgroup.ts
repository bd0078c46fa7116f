/** The cgroups of Pods. The engine makes them as parents of its containers and leaves them behind. */
import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

const cgroupRoot = '/sys/fs/cgroup'
const qosFolders = ['', 'burstable', 'besteffort'] as const

/** Deepest first; a cgroup with processes stays. */
const removeTree = async (folder: string): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name))
  await rmdir(folder).catch(() => undefined)
}

/** Hierarchies: one in cgroup v2, one for each controller in v1. */
const hierarchies = async (): Promise<string[]> => {
  const names = await readdir(cgroupRoot, { withFileTypes: true }).catch(() => [])
  if (names.some(({ name }) => name === 'cgroup.controllers')) return [cgroupRoot]
  return names.filter((entry) => entry.isDirectory()).map(({ name }) => join(cgroupRoot, name))
}

/** Removes what is left of a Pod's cgroup, whatever its quality of service was. */
export const removePodCgroup = async (podUid: string): Promise<void> => {
  const roots = await hierarchies()
  const slice = podUid.replaceAll('-', '_')
  const paths = qosFolders.flatMap((qos) => [
    join('kubepods', qos, `pod${podUid}`),
    qos === ''
      ? join('kubepods.slice', `kubepods-pod${slice}.slice`)
      : join('kubepods.slice', `kubepods-${qos}.slice`, `kubepods-${qos}-pod${slice}.slice`),
  ])
  await Promise.all(roots.flatMap((root) => paths.map((path) => removeTree(join(root, path)))))
}
