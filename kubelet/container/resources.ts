/** Kubernetes amounts as cgroup settings. Upstream: pkg/kubelet/cm/helpers_linux.go, pkg/kubelet/qos. */
import { qosClass } from '../../api/meta/pods.ts'
import { milliValue, quantityValue } from '../../api/meta/quantity.ts'
import type { Container } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
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

/**
 * Who dies first when memory runs out: BestEffort (1000), then Burstable by how little it asked for, Guaranteed last
 * (-997). Upstream: GetContainerOOMScoreAdjust.
 */
export const oomScoreAdj = (pod: BoundPod, container: Container, memoryCapacityBytes: number): number => {
  if ((pod.spec.priority ?? 0) >= 2_000_000_000) return -997
  const qos = qosClass(pod)
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  const request = quantityValue(container.resources?.requests?.memory ?? '0')
  const score = 1000 - Math.floor((1000 * request) / Math.max(1, memoryCapacityBytes))
  return Math.min(999, Math.max(3, score))
}

/** The settings that follow from a container's own resources. */
export const cgroupSettings = ({ resources }: Container): CgroupSettings => {
  const { limits, requests } = resources ?? {}
  const limitMilli = milliValue(limits?.cpu ?? '0')
  // A container that is only limited asks for its limit.
  const requestMilli = milliValue(requests?.cpu ?? limits?.cpu ?? '0')
  return {
    cpuShares: cpuShares(requestMilli),
    cpuQuota: cpuQuota(limitMilli),
    cpuPeriod: cpuPeriodMicros,
    memoryLimitBytes: quantityValue(limits?.memory ?? '0'),
  }
}

/** One container's settings. */
export const containerResources = (
  pod: BoundPod,
  container: Container,
  memoryCapacityBytes: number,
): LinuxResources => ({
  ...cgroupSettings(container),
  oomScoreAdj: oomScoreAdj(pod, container, memoryCapacityBytes),
})

/** The Pod's cgroup under the engine's driver: `/kubepods/burstable/pod<uid>` or its systemd slice. */
export const podCgroup = (pod: BoundPod, driver: string): string => {
  const qos = qosClass(pod)
  const parent = qos === 'Guaranteed' ? [] : [qos.toLowerCase()]
  if (driver !== 'systemd') return `/${['kubepods', ...parent, `pod${pod.metadata.uid}`].join('/')}`
  return `${['kubepods', ...parent, `pod${pod.metadata.uid.replaceAll('-', '_')}`].join('-')}.slice`
}
