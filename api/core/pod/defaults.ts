/** Defaults that only Pods get, not templates. Upstream: SetDefaults_Pod. */
import { containerResources, isPodLevelResource } from '../../meta/pods.ts'
import { formatQuantity } from '../../meta/quantity.ts'
import type { Container, Pod, PodSpec } from '../../types.ts'
import { setPodSpecDefaults } from '../pod-spec/defaults.ts'

/** Limits are requests where none are given. */
const setRequestsFromLimits = (containers: readonly Container[] | undefined): void => {
  for (const { resources } of containers ?? []) {
    if (resources?.limits === undefined || resources.limits === null) continue
    resources.requests = { ...resources.limits, ...resources.requests }
  }
}

/** With limits of the Pod as a whole, its requests are what the containers ask for together, else the limits. */
const setPodLevelRequests = (spec: PodSpec): void => {
  const limits = spec.resources?.limits
  if (spec.resources === undefined || limits === undefined || Object.keys(limits).length === 0) return
  const requests: Record<string, string> = { ...spec.resources.requests }
  for (const [name, amount] of Object.entries(containerResources(spec, 'requests'))) {
    if (isPodLevelResource(name) && !name.startsWith('hugepages-')) requests[name] ??= formatQuantity(amount)
  }
  for (const [name, limit] of Object.entries(limits)) if (isPodLevelResource(name)) requests[name] ??= limit
  if (Object.keys(requests).length > 0) spec.resources.requests = requests
}

export const setPodDefaults = (pod: Pod): void => {
  const spec = (pod.spec ??= { containers: [] })
  setPodSpecDefaults(spec)
  setRequestsFromLimits(spec.containers)
  setRequestsFromLimits(spec.initContainers)
  setPodLevelRequests(spec)
  spec.enableServiceLinks ??= true
  pod.status ??= {}
}
