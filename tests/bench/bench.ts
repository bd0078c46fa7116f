/**
 * `npm run bench`: measures clusters of its own and prints a table and JSON (also to the file of --output).
 * `--only=nodes` or `--only=api` runs one half. Takes about a minute.
 */
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { pods } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { benchApi } from './api.ts'
import { createLoadClient } from './load-client.ts'
import { cpuDuring, memoryUsage } from './processes.ts'
import { benchScheduling } from './scheduling.ts'
import { measure, round, type Summary } from './statistics.ts'

const podStarts = 15
const restMs = 5_000
const idleMs = 15_000

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Seconds until the control plane, and all nodes, are ready: as the launcher told them. */
const readyTimes = (screen: string): Record<string, number> => {
  const match = /control plane after ([\d.]+) s, all nodes Ready after ([\d.]+) s/.exec(screen)
  return { controlPlaneSeconds: Number(match?.[1]), nodesSeconds: Number(match?.[2]) }
}

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/** From the creation of a Pod until a watch tells that it is Ready, one Pod after the other. */
const benchPodStart = async ({ client }: TestCluster): Promise<Summary> => {
  const abort = new AbortController()
  const whenReady = new Map<string, () => void>()
  const follow = async (): Promise<void> => {
    for await (const { object } of client.watch(pods, { namespace: 'default', resourceVersion: '0' }, abort.signal)) {
      if (isReady(object)) whenReady.get(object.metadata?.name ?? '')?.()
    }
  }
  const ended = follow()
  const startOne = async (index: number): Promise<void> => {
    const name = `start-${index}`
    const ready = Promise.withResolvers<void>()
    whenReady.set(name, ready.resolve)
    const containers = [{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] }]
    await client.create(pods, {
      metadata: { name, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 0, containers },
    })
    await Promise.race([ready.promise, ended])
  }
  await startOne(0)
  const summary = await measure(podStarts, 1, (index) => startOne(index + 1))
  abort.abort()
  await ended.catch(() => undefined)
  return summary
}

/** Percent of one core that each process uses while nothing happens. */
const benchIdle = async (cluster: TestCluster): Promise<Record<string, number>> => {
  await delay(restMs)
  const { cpuMs } = await cpuDuring(cluster.layout, () => delay(idleMs))
  return Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, round((ms * 100) / idleMs)]))
}

const table = (rows: readonly (readonly string[])[]): void => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows) say(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
  say('')
}

const summaryTable = (summaries: Readonly<Record<string, Summary>>): void => {
  const cpu = (s: Summary): string[] =>
    'apiserverCpuMs' in s && 'etcdCpuMs' in s ? [String(s.apiserverCpuMs), String(s.etcdCpuMs)] : []
  table([
    ['OPERATION', 'COUNT', 'PER SECOND', 'P50 ms', 'P99 ms', 'MAX ms', 'APISERVER CPU-ms', 'ETCD CPU-ms'],
    ...Object.entries(summaries).map(([name, s]) => [
      name,
      ...[s.operations, s.perSecond, s.p50Ms, s.p99Ms, s.maxMs].map(String),
      ...cpu(s),
    ]),
  ])
}

const memoryTable = (layout: TestCluster['layout'], idle?: Readonly<Record<string, number>>) => {
  const memory = memoryUsage(layout)
  table([
    ['PROCESS', 'PSS MiB', 'RSS MiB', ...(idle === undefined ? [] : ['IDLE CPU %'])],
    ...Object.entries(memory).map(([name, m]) => [
      name,
      String(m.pssMiB),
      String(m.rssMiB),
      ...(idle === undefined ? [] : [String(idle[name] ?? 0)]),
    ]),
  ])
  return memory
}

const benchNodes = async (): Promise<Record<string, unknown>> => {
  await using cluster = await startCluster({ nodes: 3 })
  const ready = readyTimes(cluster.startScreen)
  say(`\nReady after ${ready['controlPlaneSeconds']} s (control plane), ${ready['nodesSeconds']} s (three nodes)\n`)
  const idlePercentOfCore = await benchIdle(cluster)
  const memoryAtRest = memoryTable(cluster.layout, idlePercentOfCore)
  const podStart = await benchPodStart(cluster)
  summaryTable({ 'Pod start': podStart })
  return { ready, podStart, idlePercentOfCore, memoryAtRest }
}

/** Objects that no kubelet keeps alive: the controllers that would take them away are off. */
const controllers = '*,-node-lifecycle-controller,-taint-eviction-controller,-pod-garbage-collector-controller'

const benchControlPlane = async (): Promise<Record<string, unknown>> => {
  await using cluster = await startCluster({ extraArgs: { 'kube-controller-manager': { controllers } } })
  await using load = createLoadClient(cluster.layout.adminConf)
  const api = await benchApi(cluster, load)
  summaryTable(api)
  const scheduling = await benchScheduling(cluster, load)
  say(`Scheduler: ${scheduling.bindsPerSecond} binds/s (${scheduling.pods} Pods on ${scheduling.nodes} nodes)`)
  say(`CPU-ms for each Pod: ${JSON.stringify(scheduling.cpuMsPerPod)}\n`)
  return { api, scheduling, memoryUnderLoad: memoryTable(cluster.layout) }
}

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)

const only = argument('only')
ensureTestImages()
const loadAverage = round(loadavg()[0] ?? 0)
const result = {
  loadAverage,
  ...(only === 'api' ? {} : await benchNodes()),
  ...(only === 'nodes' ? {} : await benchControlPlane()),
}
say(`Load average of this machine before: ${loadAverage}\n`)
const json = JSON.stringify(result, undefined, 2)
say(json)
const output = argument('output')
if (output !== undefined) writeFileSync(output, `${json}\n`)
