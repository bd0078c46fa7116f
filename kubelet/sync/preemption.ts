/**
 * Whom a critical Pod may take the place of on its own node. Pure. Upstream: pkg/kubelet/preemption.
 *
 * As few as possible of the better classes of service: Guaranteed ones only for what all others together would not
 * free, then Burstable ones, then BestEffort ones. Of a class, each time the Pod that comes nearest to what is missing.
 */
import { podRequests, type QosClass, qosClass } from '../../api/meta/pods.ts'
import { type BoundPod, isCriticalPod } from '../pod.ts'
import { type Shortage, unitsOf } from './admission.ts'

/** So much of a resource has to become free, in the unit of the shortage. */
interface Requirement {
  readonly resource: string
  readonly amount: number
}

const requirementOf = ({ resource, requested, used, capacity }: Shortage): Requirement => ({
  resource,
  amount: requested - (capacity - used),
})

/** One for each Pod; other resources in the unit of admission. */
const frees = (pod: BoundPod, resource: string): number => {
  if (resource === 'pods') return 1
  const amount = podRequests(pod)[resource]
  return amount === undefined ? 0 : unitsOf(resource, amount)
}

const without = (requirements: readonly Requirement[], pods: readonly BoundPod[]): Requirement[] =>
  requirements
    .map(({ resource, amount }) => ({
      resource,
      amount: amount - pods.reduce((sum, pod) => sum + frees(pod, resource), 0),
    }))
    .filter(({ amount }) => amount > 0)

/** What a Pod leaves missing, as the sum of squares of the parts. */
const distance = (pod: BoundPod, requirements: readonly Requirement[]): number =>
  requirements.reduce((sum, { resource, amount }) => {
    const left = Math.max(0, amount - frees(pod, resource))
    return sum + (left / amount) ** 2
  }, 0)

const isSmaller = (a: BoundPod, b: BoundPod): boolean => {
  for (const resource of ['memory', 'cpu']) {
    const [left, right] = [frees(a, resource), frees(b, resource)]
    if (left !== right) return left < right
  }
  return true
}

/** Undefined: all of them are not enough. */
const nearest = (pods: readonly BoundPod[], requirements: readonly Requirement[]): BoundPod[] | undefined => {
  const left = [...pods]
  const chosen: BoundPod[] = []
  let missing = without(requirements, [])
  while (missing.length > 0) {
    let best: BoundPod | undefined
    for (const pod of left) {
      if (best === undefined) best = pod
      else {
        const difference = distance(pod, missing) - distance(best, missing)
        if (difference < 0 || (difference === 0 && isSmaller(pod, best))) best = pod
      }
    }
    if (best === undefined) return undefined
    left.splice(left.indexOf(best), 1)
    chosen.push(best)
    missing = without(missing, [best])
  }
  return chosen
}

/** Whether the one may take the other's place. Upstream: kubetypes.Preemptable. */
const isPreemptable = (preemptor: BoundPod, pod: BoundPod): boolean =>
  (isCriticalPod(preemptor) && !isCriticalPod(pod)) ||
  (preemptor.spec.priority !== undefined &&
    pod.spec.priority !== undefined &&
    preemptor.spec.priority > pod.spec.priority)

/** Undefined where even the end of all others would not make room. */
export const victimsOf = (
  preemptor: BoundPod,
  running: readonly BoundPod[],
  shortages: readonly Shortage[],
): readonly BoundPod[] | undefined => {
  const requirements = shortages.map(requirementOf)
  const candidates = running.filter((pod) => isPreemptable(preemptor, pod))
  const ofClass = (name: QosClass): BoundPod[] => candidates.filter((pod) => qosClass(pod) === name)
  const [bestEffort, burstable, guaranteed] = [ofClass('BestEffort'), ofClass('Burstable'), ofClass('Guaranteed')]
  const guaranteedVictims = nearest(guaranteed, without(requirements, [...bestEffort, ...burstable]))
  if (guaranteedVictims === undefined) return undefined
  const burstableVictims = nearest(burstable, without(requirements, [...bestEffort, ...guaranteedVictims]))
  if (burstableVictims === undefined) return undefined
  const bestEffortVictims = nearest(bestEffort, without(requirements, [...burstableVictims, ...guaranteedVictims]))
  if (bestEffortVictims === undefined) return undefined
  return [...bestEffortVictims, ...burstableVictims, ...guaranteedVictims]
}
