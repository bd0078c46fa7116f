/** What the cgroups above containers are set to: of a Pod, of a class of service, of all Pods. Pure. Upstream: pkg/kubelet/cm. */
import { podLimits, podRequests, qosClass, type ResourceAmounts } from '../../api/meta/pods.ts'
import { milliValue, quantityToNumber, quantityValue, zeroQuantity } from '../../api/meta/quantity.ts'
import { cpuQuota, cpuShares } from '../container/resources.ts'
import type { BoundPod } from '../pod.ts'

/** What is absent is left as it is. */
export interface CgroupLimits {
  readonly cpuShares?: number
  /** Microseconds in each 100 ms; 'none' takes a limit away. */
  readonly cpuQuota?: number | 'none'
  readonly memoryBytes?: number | 'none'
  readonly pids?: number
}

const milliOf = ({ cpu = zeroQuantity }: ResourceAmounts): number => milliValue(cpu)

const bytesOf = ({ memory = zeroQuantity }: ResourceAmounts): number => quantityValue(memory)

/** Whether nothing of the Pod is without a limit: of its own, or the Pod's. */
const isLimited = ({ spec }: BoundPod, resource: 'cpu' | 'memory'): boolean =>
  spec.resources?.limits?.[resource] !== undefined ||
  [...spec.containers, ...(spec.initContainers ?? [])].every(
    ({ resources }) => resources?.limits?.[resource] !== undefined,
  )

/** Upstream: ResourceConfigForPod. `pidsLimit`: 0 or less is none. */
export const podCgroupLimits = (pod: BoundPod, pidsLimit: number): CgroupLimits => {
  const pids = pidsLimit > 0 ? { pids: pidsLimit } : {}
  if (qosClass(pod) === 'BestEffort') return { cpuShares: cpuShares(0), ...pids }
  const limits = podLimits(pod)
  const quota = isLimited(pod, 'cpu') ? cpuQuota(milliOf(limits)) : 0
  const memory = isLimited(pod, 'memory') ? bytesOf(limits) : 0
  return {
    cpuShares: cpuShares(milliOf(podRequests(pod))),
    cpuQuota: quota === 0 ? 'none' : quota,
    memoryBytes: memory === 0 ? 'none' : memory,
    ...pids,
  }
}

/** Burstable Pods together weigh what they ask for together, BestEffort ones as little as can be. */
export const qosCgroupLimits = (
  pods: readonly BoundPod[],
): Readonly<Record<'burstable' | 'besteffort', CgroupLimits>> => {
  const milli = pods
    .filter((pod) => qosClass(pod) === 'Burstable')
    .reduce((sum, pod) => sum + milliOf(podRequests(pod)), 0)
  return { burstable: { cpuShares: cpuShares(milli) }, besteffort: { cpuShares: cpuShares(0) } }
}

export interface NodeReserve {
  readonly cpus: number
  readonly memoryBytes: number
  readonly reserved: readonly Readonly<Record<string, string>>[]
}

/** All Pods together have what is not reserved. What eviction keeps free is theirs, too: it acts before the kernel does. */
export const allPodsLimits = ({ cpus, memoryBytes, reserved }: NodeReserve): CgroupLimits => {
  const kept = (resource: string): number =>
    reserved.reduce((sum, amounts) => sum + quantityToNumber(amounts[resource] ?? '0'), 0)
  return {
    cpuShares: cpuShares(Math.max(0, Math.round((cpus - kept('cpu')) * 1000))),
    memoryBytes: Math.max(0, Math.floor(memoryBytes - kept('memory'))),
  }
}

/** One file of a cgroup, in the hierarchy of its controller. */
export interface CgroupFile {
  readonly controller: 'cpu' | 'memory' | 'pids'
  readonly file: string
  readonly value: string
}

const periodMicros = 100_000

/** Upstream: CPUSharesToCPUWeight. */
export const cpuWeight = (shares: number): number => Math.floor(((shares - 2) * 9999) / 262_142) + 1

/** The limits in the words of a version of cgroups. */
export const cgroupFiles = (limits: CgroupLimits, version: 1 | 2): CgroupFile[] => {
  const files: CgroupFile[] = []
  const add = (controller: CgroupFile['controller'], file: string, value: string | number): void =>
    void files.push({ controller, file, value: String(value) })
  const { cpuShares: shares, cpuQuota: quota, memoryBytes: memory, pids } = limits
  if (shares !== undefined) {
    if (version === 1) add('cpu', 'cpu.shares', shares)
    else add('cpu', 'cpu.weight', cpuWeight(shares))
  }
  if (quota !== undefined) {
    if (version === 1) {
      add('cpu', 'cpu.cfs_period_us', periodMicros)
      add('cpu', 'cpu.cfs_quota_us', quota === 'none' ? -1 : quota)
    } else add('cpu', 'cpu.max', `${quota === 'none' ? 'max' : quota} ${periodMicros}`)
  }
  if (memory !== undefined) {
    if (version === 1) add('memory', 'memory.limit_in_bytes', memory === 'none' ? -1 : memory)
    else add('memory', 'memory.max', memory === 'none' ? 'max' : memory)
  }
  if (pids !== undefined) add('pids', 'pids.max', pids)
  return files
}

/** Where a cgroup is below a hierarchy, and how the engine is told: `/kubepods/burstable/podUID`, or a slice. */
export interface CgroupName {
  readonly path: string
  readonly parent: string
}

/** Upstream: CgroupName, ToSystemd. */
export const cgroupName = (components: readonly string[], driver: string): CgroupName => {
  if (driver !== 'systemd') return { path: components.join('/'), parent: `/${components.join('/')}` }
  const escaped = components.map((part) => part.replaceAll('-', '_'))
  const slices = escaped.map((_part, index) => `${escaped.slice(0, index + 1).join('-')}.slice`)
  return { path: slices.join('/'), parent: slices.at(-1) ?? '' }
}
