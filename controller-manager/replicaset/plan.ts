/** What a ReplicaSet (or ReplicationController) does about its Pods. Upstream: pkg/controller/replicaset. */
import { findCondition, removeCondition, setCondition } from '../../api/meta/conditions.ts'
import { type Matcher, matchesSet } from '../../api/meta/labels.ts'
import { isPodActive, isPodAvailable, isPodReady } from '../../api/meta/pods.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Pod, PodTemplateSpec, ReplicaSet } from '../../api/types.ts'
import { rankForDeletion } from '../pod-ranking.ts'

/** Pods that one sync creates or deletes at most: the rest waits for the expectations of this one. */
export const burstReplicas = 500

export type ReplicaPlan =
  | { readonly type: 'none' }
  | { readonly type: 'create'; readonly count: number }
  | { readonly type: 'delete'; readonly pods: readonly Pod[] }

/**
 * Compares wanted and present. `related` are the Pods of all sets with the same parent: while a rollout runs, those
 * on a node with many of them go first.
 */
export const planReplicas = (
  wanted: number,
  active: readonly Pod[],
  related: readonly Pod[],
  nowMs: number,
): ReplicaPlan => {
  const difference = wanted - active.length
  if (difference > 0) return { type: 'create', count: Math.min(difference, burstReplicas) }
  if (difference === 0) return { type: 'none' }
  const count = Math.min(-difference, burstReplicas)
  if (count === active.length) return { type: 'delete', pods: active }
  const perNode = new Map<string, number>()
  for (const pod of related) {
    if (!isPodActive(pod)) continue
    const node = pod.spec?.nodeName ?? ''
    perNode.set(node, (perNode.get(node) ?? 0) + 1)
  }
  const ranked = rankForDeletion(active, (pod) => perNode.get(pod.spec?.nodeName ?? '') ?? 0, nowMs)
  return { type: 'delete', pods: ranked.slice(0, count) }
}

export type ReplicaSetStatus = NonNullable<ReplicaSet['status']>

/** What the sync ran into, for the ReplicaFailure condition. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
  /** Thrown again after the status is written, so that the sync is repeated. */
  readonly error: unknown
}

export interface StatusInput {
  readonly old: ReplicaSetStatus | undefined
  readonly generation: number
  readonly template: PodTemplateSpec | undefined
  readonly minReadySeconds: number
  readonly active: readonly Pod[]
  /** Undefined for kinds that do not report it (ReplicationController). */
  readonly terminating: number | undefined
  readonly failure: ReplicaFailure | undefined
  readonly nowMs: number
}

/** The status that these Pods amount to. */
export const planStatus = (input: StatusInput): ReplicaSetStatus => {
  const { old, active, minReadySeconds, nowMs, failure } = input
  const templateLabels = input.template?.metadata?.labels
  const fullyLabeled: Matcher = (labels) => matchesSet(templateLabels, labels)
  let conditions = old?.conditions ?? []
  const reported = findCondition(conditions, 'ReplicaFailure')
  // The first failure stays until it is over: a new message each sync would write without end.
  if (failure !== undefined && reported === undefined) {
    const condition = { type: 'ReplicaFailure', status: 'True', reason: failure.reason, message: failure.message }
    conditions = [...setCondition(conditions, condition, nowRfc3339(nowMs))]
  } else if (failure === undefined && reported !== undefined) {
    conditions = [...removeCondition(conditions, 'ReplicaFailure')]
  }
  return {
    ...old,
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => fullyLabeled(pod.metadata?.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
    ...(input.terminating === undefined ? {} : { terminatingReplicas: input.terminating }),
    observedGeneration: input.generation,
    ...(conditions.length === 0 ? { conditions: undefined } : { conditions }),
  }
}

const countFields = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
  'observedGeneration',
] as const

/** True if writing `next` would change nothing that a reader can see; absent counts are zero. */
export const sameStatus = (old: ReplicaSetStatus | undefined, next: ReplicaSetStatus): boolean =>
  old !== undefined &&
  countFields.every((field) => (old[field] ?? 0) === (next[field] ?? 0)) &&
  JSON.stringify(old.conditions ?? []) === JSON.stringify(next.conditions ?? [])
