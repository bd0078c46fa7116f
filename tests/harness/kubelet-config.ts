/** Other configurations for the kubelets of a running cluster. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dump, load } from 'js-yaml'
import { running as processOf } from '../../deploy/process-table.ts'
import type { TestCluster } from './cluster.ts'
import { whenFollowed } from './kill.ts'
import { waitFor } from './wait.ts'

interface ClusterFile {
  readonly spec: { readonly nodePools: Record<string, unknown>[] }
}

/** Gives every kubelet these fields of KubeletConfiguration in place of those it had, and starts it anew. */
export const configureKubelets = async (
  cluster: TestCluster,
  fields: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const { layout } = cluster
  const file = load(readFileSync(layout.clusterFile, 'utf8')) as ClusterFile
  for (const pool of file.spec.nodePools) pool['kubelet'] = fields
  const configOf = (node: string): string => readFileSync(layout.node(node).kubeletConfig, 'utf8')
  const before = cluster.nodes().map(({ name }) => ({
    name,
    config: configOf(name),
    pid: processOf(layout.run, `${name}-kubelet`)?.pid,
  }))
  writeFileSync(layout.clusterFile, dump(file), { mode: 0o600 })
  for (const { name, config, pid } of before) {
    await waitFor(() => configOf(name) !== config, { what: `the new configuration of ${name}` })
    if (pid !== undefined && processOf(layout.run, `${name}-kubelet`)?.pid === pid) process.kill(pid, 'SIGTERM')
    await whenFollowed(cluster, `${name}-kubelet`, pid)
  }
}
