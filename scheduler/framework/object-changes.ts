/** Names what an update changed, for queueing hints. Upstream: NodeSchedulingPropertiesChange, PodSchedulingPropertiesChange. */
import { podRequestsInUse } from '../../api/meta/pods.ts'
import { compareQuantities } from '../../api/meta/quantity.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { EventAction } from './events.ts'

const differs = (a: unknown, b: unknown): boolean => a !== b && JSON.stringify(a) !== JSON.stringify(b)

/** Statuses of conditions: heartbeats change their times alone. */
const conditionsOf = (node: Node): string =>
  JSON.stringify((node.status?.conditions ?? []).map(({ type, status }) => [type, status]))

/** Empty: nothing that the scheduler looks at. */
export const nodeActions = (old: Node, node: Node): EventAction[] => {
  const actions: EventAction[] = []
  if (differs(old.status?.allocatable, node.status?.allocatable)) actions.push('UpdateNodeAllocatable')
  if (differs(old.metadata?.labels, node.metadata?.labels)) actions.push('UpdateNodeLabel')
  if (differs(old.spec?.taints, node.spec?.taints) || old.spec?.unschedulable !== node.spec?.unschedulable) {
    actions.push('UpdateNodeTaint')
  }
  if (conditionsOf(old) !== conditionsOf(node)) actions.push('UpdateNodeCondition')
  if (differs(old.metadata?.annotations, node.metadata?.annotations)) actions.push('UpdateNodeAnnotation')
  return actions
}

/** Whether any request became smaller or went away. */
const scaledDown = (old: Pod, pod: Pod): boolean => {
  const now = podRequestsInUse(pod)
  return Object.entries(podRequestsInUse(old)).some(([name, amount]) => {
    const left = now[name]
    return left === undefined || compareQuantities(left, amount) < 0
  })
}

const gatesOf = (pod: Pod): number => (pod.spec?.schedulingGates ?? []).length

/** Every change of a spec gives the Pod a new generation; test objects may have none. */
const specDiffers = (old: Pod, pod: Pod): boolean => {
  const generation = pod.metadata?.generation
  return generation === undefined || generation !== old.metadata?.generation ? differs(old.spec, pod.spec) : false
}

/** What containers were given, which a resize in place changes. */
const givenResources = (pod: Pod): unknown =>
  pod.status?.containerStatuses?.map(({ allocatedResources, resources }) => [allocatedResources, resources])

/** What changed of a Pod, other than its node; `UpdateOther` if nothing that has a name did. */
export const podActions = (old: Pod, pod: Pod): EventAction[] => {
  const actions: EventAction[] = []
  if (differs(old.metadata?.labels, pod.metadata?.labels)) actions.push('UpdatePodLabel')
  if (specDiffers(old, pod) || differs(givenResources(old), givenResources(pod))) {
    if (scaledDown(old, pod)) actions.push('UpdatePodScaleDown')
    if (differs(old.spec?.tolerations, pod.spec?.tolerations)) actions.push('UpdatePodToleration')
    if (gatesOf(old) > 0 && gatesOf(pod) === 0) actions.push('UpdatePodSchedulingGatesEliminated')
  }
  if (differs(old.status?.resourceClaimStatuses, pod.status?.resourceClaimStatuses)) {
    actions.push('UpdatePodGeneratedResourceClaim')
  }
  return actions.length === 0 ? ['UpdateOther'] : actions
}
