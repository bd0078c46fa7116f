/** `npm run bench`: measures a cluster of its own and prints a table and JSON (also to the file of --output). */
import { writeFileSync } from 'node:fs'
import { pods } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { waitFor } from '../harness/wait.ts'
import { benchApi } from './api.ts'
import { processUsage } from './processes.ts'
import { benchScheduling } from './scheduling.ts'
import { measure, type Summary } from './statistics.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Seconds until the control plane, and all nodes, are ready: as the launcher told them. */
const readyTimes = (screen: string): Record<string, number> => {
  const match = /control plane after ([\d.]+) s, all nodes Ready after ([\d.]+) s/.exec(screen)
  return { controlPlaneSeconds: Number(match?.[1]), nodesSeconds: Number(match?.[2]) }
}

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/** From the creation of a Pod until it is Ready, one Pod after the other. */
const benchPodStart = async (cluster: TestCluster): Promise<Summary> => {
  const startOne = async (index: number): Promise<void> => {
    const name = `start-${index}`
    await cluster.client.create(pods, {
      metadata: { name, namespace: 'default' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] }],
      },
    } as Pod)
    await waitFor(async () => isReady(await cluster.client.get(pods, name, 'default')), { what: `${name} to be Ready` })
  }
  await startOne(0)
  return measure(15, 1, (index) => startOne(index + 1))
}

const table = (rows: readonly (readonly string[])[]): void => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows) say(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
}

const summaryRows = (summaries: Readonly<Record<string, Summary>>): string[][] => [
  ['OPERATION', 'COUNT', 'PER SECOND', 'P50 ms', 'P99 ms', 'MAX ms'],
  ...Object.entries(summaries).map(([name, s]) =>
    [name, s.operations, s.perSecond, s.p50Ms, s.p99Ms, s.maxMs].map(String),
  ),
]

ensureTestImages()
const result: Record<string, unknown> = {}
{
  await using cluster = await startCluster({ nodes: 3 })
  result['ready'] = readyTimes(cluster.startScreen)
  const podStart = await benchPodStart(cluster)
  result['podStart'] = podStart
  const memory = processUsage(cluster.layout)
  result['memoryOfThreeNodeCluster'] = memory
  say(`\nReady: ${JSON.stringify(result['ready'])}\n`)
  table(summaryRows({ 'Pod start': podStart }))
  say('')
  table([
    ['PROCESS', 'PSS MiB', 'RSS MiB'],
    ...Object.entries(memory).map(([name, m]) => [name, String(m.pssMiB), String(m.rssMiB)]),
  ])
}
{
  await using cluster = await startCluster({
    // Objects that no kubelet keeps alive: the controllers that would take them away are off.
    extraArgs: {
      'kube-controller-manager': {
        controllers: '*,-node-lifecycle-controller,-taint-eviction-controller,-pod-garbage-collector-controller',
      },
    },
  })
  const before = processUsage(cluster.layout)
  const api = await benchApi(cluster)
  const after = processUsage(cluster.layout)
  result['api'] = api
  result['apiserverCpuSeconds'] =
    (after['kube-apiserver']?.cpuSeconds ?? 0) - (before['kube-apiserver']?.cpuSeconds ?? 0)
  say('')
  table(summaryRows(api))
  const scheduling = await benchScheduling(cluster)
  result['scheduling'] = scheduling
  say(`\nScheduler: ${scheduling.bindsPerSecond} binds/s (${scheduling.pods} Pods on ${scheduling.nodes} nodes)`)
  result['memoryUnderLoad'] = processUsage(cluster.layout)
}
const json = JSON.stringify(result, undefined, 2)
say(`\n${json}`)
const output = process.argv.find((arg) => arg.startsWith('--output='))?.slice('--output='.length)
if (output !== undefined) writeFileSync(output, `${json}\n`)
