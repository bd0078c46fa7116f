/** What has to be done to a running container so that it has what its Pod was given. Pure. Upstream: computePodResizeAction. */
import type { Container, ResourceRequirements } from '../../api/types.ts'
import {
  quantityFromMilli,
  formatQuantity,
  milliValue,
  quantityFromNumber,
  quantityValue,
} from '../../api/meta/quantity.ts'
import { cgroupSettings, cpuQuota, cpuShares, milliOfQuota, milliOfShares } from '../container/resources.ts'
import type { CgroupSettings, ContainerStatus } from '../runtime/runtime-service.ts'

/** Limits of the Pod, for containers without their own. */
type PodLimits = Readonly<Record<string, string>> | undefined

export type ResizeAction = 'none' | 'update' | 'restart'

const needsRestart = ({ resizePolicy = [] }: Container, resource: string): boolean =>
  resizePolicy.some(
    ({ resourceName, restartPolicy }) => resourceName === resource && restartPolicy === 'RestartContainer',
  )

/** `container` is as it was given to the Pod. A runtime that does not tell what a container has cannot resize it. */
export const resizeAction = (
  container: Container,
  { state, resources: actual }: ContainerStatus,
  podLimits?: PodLimits,
): ResizeAction => {
  if (state !== 'running' || actual === undefined) return 'none'
  const wanted = cgroupSettings(container, podLimits)
  const cpu = wanted.cpuShares !== actual.cpuShares || wanted.cpuQuota !== actual.cpuQuota
  const memory = wanted.memoryLimitBytes !== actual.memoryLimitBytes
  if ((cpu && needsRestart(container, 'cpu')) || (memory && needsRestart(container, 'memory'))) return 'restart'
  return cpu || memory ? 'update' : 'none'
}

/** True where the container gets less than it has: such containers are changed first, so that there is room for others. */
export const shrinks = (container: Container, actual: CgroupSettings, podLimits?: PodLimits): boolean => {
  const wanted = cgroupSettings(container, podLimits)
  const below = (next: number, now: number): boolean => next !== 0 && (now === 0 || next < now)
  return (
    below(wanted.memoryLimitBytes, actual.memoryLimitBytes) ||
    below(wanted.cpuQuota, actual.cpuQuota) ||
    wanted.cpuShares < actual.cpuShares
  )
}

/**
 * Resources of a running container as status shows them: cpu and the memory limit as they are, everything else as it was
 * given. What rounds to the same setting is shown as it was asked for.
 */
export const actualResources = (
  given: ResourceRequirements | undefined,
  actual: CgroupSettings | undefined,
): ResourceRequirements | undefined => {
  if (given === undefined || actual === undefined) return given
  const requests = { ...given.requests }
  const limits = { ...given.limits }
  if (limits['cpu'] !== undefined && cpuQuota(milliValue(limits['cpu'])) !== actual.cpuQuota) {
    limits['cpu'] = formatQuantity(quantityFromMilli(milliOfQuota(actual)))
  }
  if (requests['cpu'] !== undefined && cpuShares(milliValue(requests['cpu'])) !== actual.cpuShares) {
    requests['cpu'] = formatQuantity(quantityFromMilli(milliOfShares(actual)))
  }
  if (limits['memory'] !== undefined && quantityValue(limits['memory']) !== actual.memoryLimitBytes) {
    limits['memory'] = formatQuantity(quantityFromNumber(actual.memoryLimitBytes, 'BinarySI'))
  }
  return {
    ...given,
    ...(given.requests === undefined ? {} : { requests }),
    ...(given.limits === undefined ? {} : { limits }),
  }
}
