/** Kubernetes amounts as cgroup settings. Upstream: pkg/kubelet/cm/helpers_linux.go, pkg/kubelet/qos. */
import { containerResources as requestsOfContainers, qosClass } from '../../api/meta/pods.ts'
import { milliValue, quantityToNumber, quantityValue } from '../../api/meta/quantity.ts'
import type { Container } from '../../api/types.ts'
import { type BoundPod, isCriticalPod } from '../pod.ts'
import type { CgroupSettings, LinuxResources } from '../runtime/runtime-service.ts'

const sharesPerCpu = 1024
const minShares = 2
const maxShares = 262_144
const cpuPeriodMicros = 100_000
const minQuotaMicros = 1000

/** Weight of a cpu request; nothing asked for is the least weight. */
export const cpuShares = (milliCpu: number): number =>
  Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * sharesPerCpu) / 1000)))

/** The smallest cpu request with that weight, in thousandths of a CPU. */
export const milliOfShares = ({ cpuShares: shares }: CgroupSettings): number =>
  Math.ceil((shares * 1000) / sharesPerCpu)

export const milliOfQuota = ({ cpuQuota: quota, cpuPeriod }: CgroupSettings): number =>
  Math.floor((quota * 1000) / (cpuPeriod === 0 ? cpuPeriodMicros : cpuPeriod))

/** Microseconds per period of a cpu limit; 0 is none. */
export const cpuQuota = (milliCpu: number): number =>
  milliCpu === 0 ? 0 : Math.max(minQuotaMicros, Math.floor((milliCpu * cpuPeriodMicros) / 1000))

const guaranteedScore = -997
const besteffortScore = 1000

const memoryRequest = ({ resources }: Container): number => quantityValue(resources?.requests?.memory ?? '0')

/** What a Pod asks for beyond its containers, for each of them. */
const podRequestShare = ({ spec }: BoundPod): number => {
  const asked = spec.resources?.requests?.['memory']
  if (asked === undefined) return 0
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  const { memory } = requestsOfContainers(spec, 'requests')
  const own = memory === undefined ? 0 : quantityToNumber(memory)
  return Math.floor(Math.max(0, quantityValue(asked) - own) / containers.length)
}

/**
 * Who dies first when memory runs out: BestEffort (1000), then Burstable by how little it asked for, Guaranteed last
 * (-997), as what the node cannot be without. A sidecar goes no sooner than what it serves. Upstream:
 * GetContainerOOMScoreAdjust.
 */
export const oomScoreAdj = (pod: BoundPod, container: Container, memoryCapacityBytes: number): number => {
  if (isCriticalPod(pod) && pod.spec.priorityClassName === 'system-node-critical') return guaranteedScore
  const qos = qosClass(pod)
  if (qos === 'Guaranteed') return guaranteedScore
  if (qos === 'BestEffort') return besteffortScore
  const share = podRequestShare(pod)
  const scoreOf = (request: number): number =>
    1000 - Math.floor((1000 * (request + share)) / Math.max(1, memoryCapacityBytes))
  const isSidecar = pod.spec.initContainers?.some(
    ({ name, restartPolicy }) => name === container.name && restartPolicy === 'Always',
  )
  const own = scoreOf(memoryRequest(container))
  const served = scoreOf(Math.min(...pod.spec.containers.map(memoryRequest)))
  const score = isSidecar === true ? Math.min(own, served) : own
  return Math.min(besteffortScore - 1, Math.max(1000 + guaranteedScore, score))
}

/** The settings that follow from a container's own resources, and from limits of its Pod where it has none. */
export const cgroupSettings = (
  { resources }: Container,
  podLimits?: Readonly<Record<string, string>>,
): CgroupSettings => {
  const { requests, limits: own } = resources ?? {}
  const limits = { cpu: own?.cpu ?? podLimits?.['cpu'], memory: own?.memory ?? podLimits?.['memory'] }
  const limitMilli = milliValue(limits.cpu ?? '0')
  // A container that is only limited asks for its limit.
  const requestMilli = milliValue(requests?.cpu ?? own?.cpu ?? '0')
  return {
    cpuShares: cpuShares(requestMilli),
    cpuQuota: cpuQuota(limitMilli),
    cpuPeriod: cpuPeriodMicros,
    memoryLimitBytes: quantityValue(limits.memory ?? '0'),
  }
}

/** One container's settings. */
export const containerResources = (
  pod: BoundPod,
  container: Container,
  memoryCapacityBytes: number,
): LinuxResources => ({
  ...cgroupSettings(container, pod.spec.resources?.limits),
  oomScoreAdj: oomScoreAdj(pod, container, memoryCapacityBytes),
})
