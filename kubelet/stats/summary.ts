/** Resource use of the node and its Pods: /stats/summary and /metrics/resource. Upstream: pkg/kubelet/stats. */
import { nowRfc3339 } from '../../api/meta/time.ts'
import { fileSystemBytes } from '../node/machine.ts'
import type { ContainerStats, RuntimeService } from '../runtime/runtime-service.ts'
import type { PodManager } from '../sync/pod-manager.ts'
import { readNodeUsage } from './node-usage.ts'

export interface SummaryDeps {
  readonly runtime: RuntimeService
  readonly pods: PodManager
  readonly nodeName: string
  readonly rootDir: string
  readonly startedAt: number
  readonly now: () => number
}

const cpuAndMemory = (stats: readonly ContainerStats[], time: string) => ({
  cpu: { time, usageCoreNanoSeconds: stats.reduce((sum, { cpuUsageNanoSeconds }) => sum + cpuUsageNanoSeconds, 0) },
  memory: {
    time,
    usageBytes: stats.reduce((sum, { memoryUsageBytes }) => sum + memoryUsageBytes, 0),
    workingSetBytes: stats.reduce((sum, { memoryWorkingSetBytes }) => sum + memoryWorkingSetBytes, 0),
  },
})

/** The body of /stats/summary. */
export const summary = async ({ runtime, pods, nodeName, rootDir, startedAt, now }: SummaryDeps): Promise<unknown> => {
  const [stats, use, disk] = await Promise.all([runtime.containerStats(), readNodeUsage(), fileSystemBytes(rootDir)])
  const time = nowRfc3339(now())
  const fs = {
    time,
    availableBytes: disk.available,
    capacityBytes: disk.total,
    usedBytes: disk.total - disk.available,
    inodesFree: disk.freeInodes,
    inodes: disk.inodes,
    inodesUsed: disk.inodes - disk.freeInodes,
  }
  const byPod = Map.groupBy(stats, ({ podUid }) => podUid)
  return {
    node: {
      nodeName,
      startTime: nowRfc3339(startedAt),
      cpu: { time, usageCoreNanoSeconds: use.cpuNanoSeconds },
      memory: {
        time,
        availableBytes: Math.max(0, use.memoryTotal - use.memoryWorkingSet),
        usageBytes: use.memoryUsage,
        workingSetBytes: use.memoryWorkingSet,
      },
      fs,
      runtime: { imageFs: fs, containerFs: fs },
    },
    pods: [...byPod].flatMap(([uid, containers]) => {
      const pod = pods.get(uid)
      if (pod === undefined) return []
      return [
        {
          podRef: { name: pod.metadata.name, namespace: pod.metadata.namespace, uid },
          startTime: pod.status?.startTime ?? time,
          containers: containers.map((container) => ({
            name: container.name,
            startTime: pod.status?.startTime ?? time,
            ...cpuAndMemory([container], time),
          })),
          ...cpuAndMemory(containers, time),
        },
      ]
    }),
  }
}

const sample = (name: string, labels: Readonly<Record<string, string>>, value: number, ms: number): string => {
  const text = Object.entries(labels)
    .map(([key, label]) => `${key}=${JSON.stringify(label)}`)
    .join(',')
  return `${name}${text === '' ? '' : `{${text}}`} ${value} ${ms}`
}

/** The body of /metrics/resource: what metrics-server reads. */
export const resourceMetrics = async ({ runtime, pods }: SummaryDeps): Promise<string> => {
  const [stats, use] = await Promise.all([runtime.containerStats(), readNodeUsage()])
  const lines: string[] = []
  const metric = (name: string, type: 'counter' | 'gauge', help: string, samples: readonly string[]): void => {
    lines.push(`# HELP ${name} [STABLE] ${help}`, `# TYPE ${name} ${type}`, ...samples)
  }
  const labelled = stats.flatMap((entry) => {
    const pod = pods.get(entry.podUid)
    return pod === undefined
      ? []
      : [{ entry, labels: { container: entry.name, namespace: pod.metadata.namespace, pod: pod.metadata.name } }]
  })
  metric(
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed by the container in core-seconds',
    labelled.map(({ entry, labels }) =>
      sample('container_cpu_usage_seconds_total', labels, entry.cpuUsageNanoSeconds / 1e9, entry.timestamp),
    ),
  )
  metric(
    'container_memory_working_set_bytes',
    'gauge',
    'Current working set of the container in bytes',
    labelled.map(({ entry, labels }) =>
      sample('container_memory_working_set_bytes', labels, entry.memoryWorkingSetBytes, entry.timestamp),
    ),
  )
  const now = stats[0]?.timestamp ?? 0
  const nodeSample = (name: string, value: number): string =>
    now === 0 ? `${name} ${value}` : sample(name, {}, value, now)
  metric('node_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the node in core-seconds', [
    nodeSample('node_cpu_usage_seconds_total', use.cpuNanoSeconds / 1e9),
  ])
  metric('node_memory_working_set_bytes', 'gauge', 'Current working set of the node in bytes', [
    nodeSample('node_memory_working_set_bytes', use.memoryWorkingSet),
  ])
  metric('scrape_error', 'gauge', '1 if there was an error while getting container metrics, 0 otherwise', [
    'scrape_error 0',
  ])
  return `${lines.join('\n')}\n`
}
