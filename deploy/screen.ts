/** What the user sees: the how-to after a start, and the status of what runs. */
import { existsSync, readFileSync } from 'node:fs'
import { nodes as nodesRef } from '../api/resources.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import type { ClusterConfig } from './cluster-config.ts'
import type { Layout } from './layout.ts'
import { knownProcesses, running } from './process-table.ts'
import type { StartTimes } from './wait.ts'

type Say = (line: string) => void

export const printHowTo = (config: ClusterConfig, layout: Layout, times: StartTimes, say: Say): void => {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  const port = config.controlPlane.apiServerPort
  say(`
Your cluster "${config.name}" is up: control plane after ${seconds(times.controlPlaneMs)}, all nodes Ready after ${seconds(times.nodesMs)}.

  kubectl get nodes -o wide                # context "${config.name}" is in your kubeconfig
  export KUBECONFIG=${layout.adminConf}    # or use the cluster's own

  docker images                            # any image of your Docker runs on every node, no load step
  kubectl create deployment web --image=IMAGE --replicas=6
  kubectl expose deployment web --port=80
  kubectl get pods -o wide

  curl --cacert ${layout.pki}/ca.crt --cert ${layout.pki}/admin.crt --key ${layout.pki}/admin.key \\
       https://127.0.0.1:${port}/api/v1/nodes

  npm run status   what runs               edit ${layout.clusterFile}
  npm stop         end it, keep the data     to add nodes, zones, labels, taints
  npm run reset    forget it               logs: ${layout.logs}`)
}

/** Resident memory of a process in MiB: proportional share (PSS) and RSS. */
const memoryOf = (pid: number): { pss: number; rss: number } => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024
  return { pss: field('Pss'), rss: field('Rss') }
}

/** Prints every process with pid and memory, and every node with its readiness. */
export const printStatus = async (layout: Layout, say: Say): Promise<void> => {
  if (!existsSync(layout.clusterFile)) return say(`kubets: no cluster in ${layout.root}`)
  say('PROCESS'.padEnd(28) + 'PID'.padEnd(10) + 'PSS'.padEnd(10) + 'RSS')
  for (const name of knownProcesses(layout.run).sort()) {
    const record = running(layout.run, name)
    if (record === undefined) {
      say(`${name.padEnd(28)}not running`)
      continue
    }
    const { pss, rss } = memoryOf(record.pid)
    say(`${name.padEnd(28)}${String(record.pid).padEnd(10)}${`${pss.toFixed(0)} MiB`.padEnd(10)}${rss.toFixed(0)} MiB`)
  }
  if (running(layout.run, 'kube-apiserver') === undefined) return
  const client = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets' })
  const { items } = await client.list(nodesRef, {})
  say(`\n${'NODE'.padEnd(28)}${'READY'.padEnd(10)}ADDRESS`)
  for (const node of items) {
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown'
    const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? ''
    say(`${(node.metadata?.name ?? '').padEnd(28)}${ready.padEnd(10)}${address}`)
  }
}
