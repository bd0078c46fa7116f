/**
 * `npm run bench:scheduler`: binds a second, and CPU of each process for one bind. By default 1,000 nodes and 3,000 Pods,
 * less for what is slow; `--nodes=5000 --pods=10000 --workloads=plain,spread` chooses.

 */
import { loadavg } from 'node:os'
import { startCluster } from '../harness/cluster.ts'
import { createLoadClient } from './load-client.ts'
import { benchWorkload, makeNodes, workloads } from './scheduling.ts'
import { round } from './statistics.ts'

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)

const nodes = Number(argument('nodes') ?? 1_000)
const podsWanted = Number(argument('pods') ?? 3_000)
const names = argument('workloads')?.split(',') ?? Object.keys(workloads)

/** Anti-affinity needs a node a Pod; preemption fills the cluster first. */
const podsOf = (workload: string): number => {
  if (workload === 'anti-affinity') return Math.min(podsWanted, nodes)
  return workload === 'preemption' ? Math.min(podsWanted, Math.floor(nodes / 2)) : podsWanted
}

/** Objects that no kubelet keeps alive: the controllers that would take them away are off. */
const controllers = '*,-node-lifecycle-controller,-taint-eviction-controller,-pod-garbage-collector-controller'
const say = (text: string): void => void process.stdout.write(`${text}\n`)

const load0 = round(loadavg()[0] ?? 0)
await using cluster = await startCluster({ extraArgs: { 'kube-controller-manager': { controllers } } })
await using load = createLoadClient(cluster.layout.adminConf)
await makeNodes(load, 0, nodes)
say(`${nodes} nodes; load average of this machine before: ${load0}`)
say('WORKLOAD        PODS   BINDS/s  CPU-ms A BIND: scheduler, API server, store')
for (const workload of names) {
  const result = await benchWorkload(cluster, load, { workload, nodes, pods: podsOf(workload) })
  const { 'kube-scheduler': scheduler, 'kube-apiserver': server, etcd } = result.cpuMsPerPod
  const figures = [result.pods, result.bindsPerSecond].map((figure) => String(figure).padEnd(7)).join(' ')
  say(`${workload.padEnd(15)} ${figures}  ${scheduler}, ${server}, ${etcd}`)
}
