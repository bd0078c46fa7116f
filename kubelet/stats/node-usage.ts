/** What the whole machine uses, from /proc and the cgroups at the top. Both versions of cgroups. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface NodeUsage {
  /** Cumulative. */
  readonly cpuNanoSeconds: number
  readonly memoryTotal: number
  readonly memoryUsage: number
  /** Without pages of files that the kernel can drop at once. */
  readonly memoryWorkingSet: number
  readonly maxPid: number
  readonly processes: number
}

const ticksPerSecond = 100

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)

/** All that is needed to know them; the root cgroup's files are '' where there is no cgroup v1. */
export interface NodeFiles {
  readonly stat: string
  readonly meminfo: string
  readonly loadavg: string
  readonly pidMax: string
  readonly threadsMax: string
  readonly rootUsage: string
  readonly rootStat: string
}

/** Pure. Upstream: cadvisor's root container, kubelet's rlimit stats. */
export const nodeUsageOf = (files: NodeFiles): NodeUsage => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (files.stat.split('\n')[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const kib = (name: string): number => field(files.meminfo, name.replace(/[()]/g, '\\$&')) * 1024
  const memoryTotal = kib('MemTotal')
  const byRoot = files.rootUsage !== ''
  const memoryUsage = byRoot ? Number(files.rootUsage) : memoryTotal - kib('MemFree')
  const inactive = byRoot ? field(files.rootStat, 'total_inactive_file') : kib('Inactive(file)')
  const [, , , counts = ''] = files.loadavg.split(' ')
  const limits = [Number(files.pidMax), Number(files.threadsMax)].filter((limit) => limit > 0)
  return {
    cpuNanoSeconds: ((user + nice + system + irq + softirq) * 1e9) / ticksPerSecond,
    memoryTotal,
    memoryUsage,
    memoryWorkingSet: Math.max(0, memoryUsage - inactive),
    maxPid: limits.length === 0 ? 0 : Math.min(...limits),
    processes: Number(counts.split('/')[1] ?? 0),
  }
}

export const readNodeUsage = async (proc = '/proc', cgroup = '/sys/fs/cgroup'): Promise<NodeUsage> => {
  const read = (folder: string, path: string): Promise<string> => readFile(join(folder, path), 'utf8').catch(() => '')
  const [stat, meminfo, loadavg, pidMax, threadsMax, rootUsage, rootStat] = await Promise.all([
    read(proc, 'stat'),
    read(proc, 'meminfo'),
    read(proc, 'loadavg'),
    read(proc, 'sys/kernel/pid_max'),
    read(proc, 'sys/kernel/threads-max'),
    read(cgroup, 'memory/memory.usage_in_bytes'),
    read(cgroup, 'memory/memory.stat'),
  ])
  return nodeUsageOf({ stat, meminfo, loadavg, pidMax, threadsMax, rootUsage, rootStat })
}
