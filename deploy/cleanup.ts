/** What `npm stop` takes away beside processes: a cluster's containers and the mounts under its state directory. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

/** Label on every container of a kubelet: its --root-dir, which tells the clusters on one Docker Engine apart. */
const rootDirLabel = 'io.kubets.root-dir'

/** Removes the containers of all kubelets whose --root-dir lies under `root`; containers of others are not touched. */
export const removeContainers = async (root: string): Promise<void> => {
  // Loaded when needed: it is large, and most starts have nothing to clean up.
  const { default: Docker } = await import('dockerode')
  const docker = new Docker()
  const containers = await docker.listContainers({ all: true, filters: { label: [rootDirLabel] } })
  const ours = containers.filter(({ Labels }) => Labels[rootDirLabel]?.startsWith(`${root}/`))
  await Promise.all(
    ours.map(async ({ Id }) => {
      try {
        await docker.getContainer(Id).remove({ force: true, v: true })
      } catch (error) {
        const { statusCode } = error as { statusCode?: number }
        // 404: it went by itself; 409: its removal is already under way.
        if (statusCode !== 404 && statusCode !== 409) throw error
      }
    }),
  )
}

/** Unmounts everything mounted under `root` (the kubelets' tmpfs volumes), the deepest first. */
export const unmountAll = (root: string): void => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length)
  for (const mount of mounts) execFileSync('umount', ['-l', mount])
}

const cgroupMount = '/sys/fs/cgroup'

/** Deepest first; one with processes stays. */
const removeCgroup = (folder: string): void => {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(join(folder, entry.name))
    }
    rmdirSync(folder)
  } catch {
    // It is not there, or in use.
  }
}

/** Removes the cgroups below which a cluster's Pods were: by either version, and either driver of the engine. */
export const removeCgroups = (cluster: string): void => {
  const slice = `kubets-${cluster.replaceAll('-', '_')}.slice`
  const hierarchies = readdirSync(cgroupMount, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const root of [cgroupMount, ...hierarchies.map(({ name }) => join(cgroupMount, name))]) {
    removeCgroup(join(root, 'kubets', cluster))
    removeCgroup(join(root, 'kubets.slice', slice))
  }
}
