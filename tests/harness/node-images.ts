/** Images of the machine's Docker engine for nodes that have a containerd of their own. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { containerdPaths } from '../../deploy/containerd.ts'
import type { TestCluster } from './cluster.ts'

const execFileAsync = promisify(execFile)

/** Loads them on every node with a containerd. */
export const loadImages = async (
  { config, layout, nodes }: Pick<TestCluster, 'config' | 'layout' | 'nodes'>,
  images: readonly string[],
): Promise<void> => {
  for (const { name, runtime } of nodes()) {
    if (runtime !== 'containerd') continue
    const { socket } = containerdPaths(config(), layout, name)
    const load = `docker save "$@" | ctr --address "$0" --namespace k8s.io images import -`
    await execFileAsync('sh', ['-c', load, socket, ...images])
  }
}
