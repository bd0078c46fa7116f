/** Status and conditions of a Deployment. Upstream: pkg/controller/deployment/{progress,sync}.go. */
import { findCondition } from '../../api/meta/conditions.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { nameOf, timeMs } from '../objects.ts'
import { maxUnavailable, replicasOf, sumReplicas } from './sizes.ts'

export type DeploymentStatus = NonNullable<Deployment['status']>
export type DeploymentCondition = NonNullable<DeploymentStatus['conditions']>[number]

type ConditionText = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>

export const hasProgressDeadline = (deployment: Deployment): boolean => {
  const seconds = deployment.spec?.progressDeadlineSeconds
  return seconds !== undefined && seconds !== null && seconds !== 2_147_483_647
}

/** Puts a condition in; one with the same status and reason stays as it is. */
export const setDeploymentCondition = (status: DeploymentStatus, condition: ConditionText, nowMs: number): void => {
  const current = findCondition(status.conditions, condition.type)
  if (current !== undefined && current.status === condition.status && current.reason === condition.reason) return
  replaceCondition(status, condition, nowMs)
}

/** Puts a condition in with a new update time; the transition time moves only with the status. */
const replaceCondition = (status: DeploymentStatus, condition: ConditionText, nowMs: number): void => {
  const current = findCondition(status.conditions, condition.type)
  const now = nowRfc3339(nowMs)
  const next: DeploymentCondition = {
    ...condition,
    lastUpdateTime: now,
    lastTransitionTime: (current?.status === condition.status ? current.lastTransitionTime : undefined) ?? now,
  }
  status.conditions = [...(status.conditions ?? []).filter(({ type }) => type !== condition.type), next]
}

const removeFrom = (status: DeploymentStatus, type: string): void => {
  status.conditions = (status.conditions ?? []).filter((condition) => condition.type !== type)
}

const sumStatus = (
  replicaSets: readonly ReplicaSet[],
  field: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas',
): number => replicaSets.reduce((sum, rs) => sum + (rs.status?.[field] ?? 0), 0)

/** Counts and the Available condition; the other conditions are carried over. */
export const calculateStatus = (
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus => {
  const available = sumStatus(all, 'availableReplicas')
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata?.generation ?? 0,
    replicas: sumStatus(all, 'replicas'),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sumStatus(all, 'readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sumReplicas(all) - available),
    terminatingReplicas: sumStatus(all, 'terminatingReplicas'),
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: [...(deployment.status?.conditions ?? [])],
  }
  const enough = available >= replicasOf(deployment) - maxUnavailable(deployment)
  setDeploymentCondition(
    status,
    enough
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    nowMs,
  )
  return status
}

export const isComplete = (deployment: Deployment, status: DeploymentStatus): boolean => {
  const wanted = replicasOf(deployment)
  return (
    status.updatedReplicas === wanted &&
    status.replicas === wanted &&
    status.availableReplicas === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  )
}

const isProgressing = (old: DeploymentStatus | undefined, next: DeploymentStatus): boolean => {
  const count = (status: DeploymentStatus | undefined, field: 'replicas' | 'updatedReplicas'): number =>
    status?.[field] ?? 0
  const oldPodsBefore = count(old, 'replicas') - count(old, 'updatedReplicas')
  const oldPodsNow = count(next, 'replicas') - count(next, 'updatedReplicas')
  return (
    count(next, 'updatedReplicas') > count(old, 'updatedReplicas') ||
    oldPodsNow < oldPodsBefore ||
    (next.readyReplicas ?? 0) > (old?.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old?.availableReplicas ?? 0)
  )
}

const deadlineMs = (deployment: Deployment, condition: DeploymentCondition): number =>
  (timeMs(condition.lastUpdateTime) ?? 0) + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000

const isTimedOut = (deployment: Deployment, status: DeploymentStatus, nowMs: number): boolean => {
  const condition = findCondition(status.conditions, 'Progressing')
  if (condition === undefined || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  return deadlineMs(deployment, condition) < nowMs
}

const progressCondition = (
  deployment: Deployment,
  status: DeploymentStatus,
  newest: ReplicaSet | undefined,
  nowMs: number,
): ConditionText | undefined => {
  const subject = newest === undefined ? `Deployment "${nameOf(deployment)}"` : `ReplicaSet "${nameOf(newest)}"`
  const text = (value: string, reason: string, what: string): ConditionText => ({
    type: 'Progressing',
    status: value,
    reason,
    message: `${subject} ${what}`,
  })
  if (isComplete(deployment, status)) {
    return text('True', 'NewReplicaSetAvailable', 'has successfully progressed.')
  }
  if (isProgressing(deployment.status, status)) return text('True', 'ReplicaSetUpdated', 'is progressing.')
  if (isTimedOut(deployment, status, nowMs)) {
    return text('False', 'ProgressDeadlineExceeded', 'has timed out progressing.')
  }
  return undefined
}

/** Status of a Deployment whose rollout runs: counts, progress against the deadline, failures of its ReplicaSets. */
export const rolloutStatus = (
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus => {
  const status = calculateStatus(deployment, all, newest, nowMs)
  if (!hasProgressDeadline(deployment)) removeFrom(status, 'Progressing')
  const current = findCondition(status.conditions, 'Progressing')
  const settled = status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable'
  if (hasProgressDeadline(deployment) && !settled) {
    const condition = progressCondition(deployment, status, newest, nowMs)
    // Progress renews the update time: the deadline counts from the last step, not from the first.
    if (condition?.reason === 'ReplicaSetUpdated') replaceCondition(status, condition, nowMs)
    else if (condition !== undefined) setDeploymentCondition(status, condition, nowMs)
  }
  const failure = [newest, ...all]
    .map((rs) => findCondition(rs?.status?.conditions, 'ReplicaFailure'))
    .find((condition) => condition !== undefined)
  if (failure === undefined) removeFrom(status, 'ReplicaFailure')
  else {
    const { status: value, reason, message } = failure
    setDeploymentCondition(
      status,
      { type: 'ReplicaFailure', status: value, ...(reason && { reason }), ...(message && { message }) },
      nowMs,
    )
  }
  return status
}

/** Milliseconds until the progress deadline has to be looked at, or undefined if it does not run. */
export const progressCheckMs = (
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined => {
  const condition = findCondition(status.conditions, 'Progressing')
  if (!hasProgressDeadline(deployment) || condition === undefined) return undefined
  if (isComplete(deployment, status) || condition.reason === 'ProgressDeadlineExceeded') return undefined
  if (condition.reason === 'NewReplicaSetAvailable' && status.replicas === status.updatedReplicas) return undefined
  // One second more: update times are cut to whole seconds.
  return Math.max(1000, deadlineMs(deployment, condition) - nowMs + 1000)
}
