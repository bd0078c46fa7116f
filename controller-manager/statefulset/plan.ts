/**
 * The next steps of a StatefulSet. With OrderedReady one Pod at a time: the first that is not as it should be is worked
 * on, and all behind it wait. With Parallel every Pod is worked on at once, but updates still go one by one.
 * Upstream: pkg/controller/statefulset/stateful_set_control.go.
 */
import { isPodAvailable } from '../../api/meta/pods.ts'
import type { Pod, StatefulSet } from '../../api/types.ts'
import { scaledValue } from '../int-or-percent.ts'
import { isDeleting } from '../objects.ts'
import { ordinalOf, replicasOf, revisionOf, startOrdinal } from './pod.ts'

export interface StatefulInput {
  readonly set: StatefulSet
  readonly pods: readonly Pod[]
  /** Names of the revision that all Pods had, and of the one they are to get. */
  readonly currentRevision: string
  readonly updateRevision: string
  readonly nowMs: number
}

export interface StatefulPlan {
  readonly create: readonly { readonly ordinal: number; readonly revision: string }[]
  readonly delete: readonly Pod[]
  /** Ended Pods: deleted so that the next sync makes them again. */
  readonly replace: readonly Pod[]
}

const isEnded = (pod: Pod): boolean => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
const isParallel = (set: StatefulSet): boolean => set.spec?.podManagementPolicy === 'Parallel'
const isRunningAndAvailable = (pod: Pod, input: StatefulInput): boolean =>
  pod.status?.phase === 'Running' &&
  !isDeleting(pod) &&
  isPodAvailable(pod, input.set.spec?.minReadySeconds ?? 0, input.nowMs)

/** Ordinals below the partition keep the current revision. */
const partitionOf = (set: StatefulSet): number =>
  set.spec?.updateStrategy?.type === 'OnDelete' ? 0 : (set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0)

/** The revision that a new Pod of the ordinal gets. Upstream: newVersionedStatefulSetPod. */
const revisionFor = (input: StatefulInput, ordinal: number): string => {
  const { set } = input
  const start = startOrdinal(set)
  if (set.spec?.updateStrategy?.type === 'OnDelete') return input.updateRevision
  const rolling = set.spec?.updateStrategy?.rollingUpdate
  const current = set.status?.currentReplicas ?? 0
  const keeps =
    rolling?.partition === undefined || rolling.partition === null
      ? ordinal < start + current
      : ordinal < start + rolling.partition
  return keeps ? input.currentRevision : input.updateRevision
}

/** The Pods of wanted ordinals by ordinal, and the others, highest ordinal first. */
const split = (input: StatefulInput): { wanted: (Pod | undefined)[]; condemned: Pod[] } => {
  const start = startOrdinal(input.set)
  const wanted: (Pod | undefined)[] = Array.from({ length: replicasOf(input.set) }, () => undefined)
  const condemned: Pod[] = []
  for (const pod of input.pods) {
    const ordinal = ordinalOf(input.set, pod)
    if (ordinal < 0) continue
    if (ordinal >= start && ordinal < start + wanted.length) wanted[ordinal - start] = pod
    else condemned.push(pod)
  }
  condemned.sort((a, b) => ordinalOf(input.set, b) - ordinalOf(input.set, a))
  return { wanted, condemned }
}

/** Outdated Pods to delete, highest ordinal first, while no more than maxUnavailable are down. */
const planUpdate = (input: StatefulInput, wanted: readonly (Pod | undefined)[]): Pod[] => {
  const strategy = input.set.spec?.updateStrategy
  if (strategy?.type === 'OnDelete') return []
  const start = startOrdinal(input.set)
  const limit = Math.max(1, scaledValue(strategy?.rollingUpdate?.maxUnavailable ?? 1, wanted.length, 'up'))
  const down = wanted.filter((pod) => pod === undefined || !isRunningAndAvailable(pod, input)).length
  const result: Pod[] = []
  let room = limit - down
  for (let index = wanted.length - 1; index >= 0 && start + index >= partitionOf(input.set); index -= 1) {
    const pod = wanted[index]
    if (pod === undefined) return result
    const healthy = isRunningAndAvailable(pod, input)
    const outdated = revisionOf(pod) !== input.updateRevision && !isDeleting(pod)
    // One that is down already costs no availability when it is replaced.
    if (outdated && healthy && room <= 0) return result
    if (outdated) {
      if (healthy) room -= 1
      result.push(pod)
    }
    if (limit === 1 && (outdated || !healthy)) return result
  }
  return result
}

/** Condemned Pods to delete now. In order the highest goes first, and waits while a lower one is not healthy. */
const planScaleDown = (input: StatefulInput, wanted: readonly (Pod | undefined)[], condemned: Pod[]): Pod[] => {
  if (isParallel(input.set)) return condemned.filter((pod) => !isDeleting(pod))
  const [last] = condemned
  if (last === undefined || isDeleting(last)) return []
  const unhealthy = [...wanted, ...[...condemned].reverse()].find(
    (pod) => pod !== undefined && !isRunningAndAvailable(pod, input),
  )
  return isRunningAndAvailable(last, input) || unhealthy === last ? [last] : []
}

/** Makes, deletes and replaces Pods until ordinals, health and revisions are right. */
export const planStatefulSet = (input: StatefulInput): StatefulPlan => {
  const create: { ordinal: number; revision: string }[] = []
  const replace: Pod[] = []
  const plan = (toDelete: Pod[]): StatefulPlan => ({ create, delete: toDelete, replace })
  if (isDeleting(input.set)) return plan([])
  const parallel = isParallel(input.set)
  const { wanted, condemned } = split(input)

  for (const [index, pod] of wanted.entries()) {
    const ordinal = startOrdinal(input.set) + index
    if (pod === undefined) create.push({ ordinal, revision: revisionFor(input, ordinal) })
    else if (isEnded(pod)) {
      if (!isDeleting(pod)) replace.push(pod)
    } else if (isRunningAndAvailable(pod, input)) continue
    // Whatever is not up yet stops all behind it, the ordered way.
    if (!parallel) return plan([])
  }
  if (condemned.length > 0) return plan(planScaleDown(input, wanted, condemned))
  if (create.length + replace.length > 0) return plan([])
  return plan(planUpdate(input, wanted))
}
