/**
 * What a Deployment does next, as a pure function of what the caches show. Each sync makes the steps that are allowed
 * now; the changes that they cause in the ReplicaSets lead to the next sync.
 * Upstream: pkg/controller/deployment.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isPodTerminal } from '../../api/meta/pods.ts'
import { controllerOf } from '../../api/meta/owners.ts'
import type { Deployment, Pod, ReplicaSet } from '../../api/types.ts'
import { isDeleting, nameOf, uidOf } from '../objects.ts'
import { buildReplicaSet } from './replica-set.ts'
import {
  maxRevision,
  newReplicaSetAnnotations,
  planHistoryCleanup,
  revisionAnnotation,
  splitReplicaSets,
} from './revisions.ts'
import { planScaleDown } from './rolling-update.ts'
import {
  isSaturated,
  isScalingEvent,
  newReplicaSetSize,
  proportionalSizes,
  replicasOf,
  sumReplicas,
  withSize,
} from './sizes.ts'
import {
  calculateStatus,
  type DeploymentStatus,
  hasProgressDeadline,
  isComplete,
  progressCheckMs,
  rolloutStatus,
  setDeploymentCondition,
} from './status.ts'

export interface DeploymentInput {
  readonly deployment: Deployment
  /** The ReplicaSets that it owns. */
  readonly replicaSets: readonly ReplicaSet[]
  /** Their Pods; looked at by the Recreate strategy only. */
  readonly pods: readonly Pod[]
  readonly nowMs: number
}

export interface DeploymentPlan {
  /** The ReplicaSet of a template that none has yet. */
  readonly create: ReplicaSet | undefined
  readonly updates: readonly { readonly from: ReplicaSet; readonly to: ReplicaSet }[]
  readonly deletes: readonly ReplicaSet[]
  /** Revision to annotate the Deployment with, where it has another. */
  readonly revision: string | undefined
  readonly status: DeploymentStatus
  readonly requeueAfterMs: number | undefined
}

/** The sync at work: ReplicaSets as they will be, by the uid (or name) under which they started. */
interface Rollout {
  readonly input: DeploymentInput
  readonly stored: ReadonlyMap<string, ReplicaSet>
  newest: ReplicaSet | undefined
  old: ReplicaSet[]
  create: ReplicaSet | undefined
  deletes: ReplicaSet[]
}

const all = (rollout: Rollout): ReplicaSet[] =>
  rollout.newest === undefined ? rollout.old : [...rollout.old, rollout.newest]

const isActive = (replicaSet: ReplicaSet): boolean => replicasOf(replicaSet) > 0

const resize = (rollout: Rollout, replicaSet: ReplicaSet, replicas: number): void => {
  const sized = withSize(replicaSet, replicas, rollout.input.deployment)
  if (rollout.newest === replicaSet) {
    rollout.newest = sized
    if (rollout.create !== undefined) rollout.create = sized
  } else {
    rollout.old = rollout.old.map((rs) => (rs === replicaSet ? sized : rs))
  }
}

/** Resizes unless the size is right already. True if a size changed. */
const scaleTo = (rollout: Rollout, replicaSet: ReplicaSet, replicas: number): boolean => {
  if (replicasOf(replicaSet) === replicas) return false
  resize(rollout, replicaSet, replicas)
  return true
}

/** Finds the ReplicaSet of the current template and brings its annotations up to date; makes it if `create`. */
const syncNewest = (rollout: Rollout, create: boolean): void => {
  const { deployment } = rollout.input
  const revision = maxRevision(rollout.old) + 1n
  if (rollout.newest !== undefined) {
    const annotations = newReplicaSetAnnotations(deployment, rollout.newest.metadata?.annotations, revision)
    const { spec } = rollout.newest
    rollout.newest = {
      ...rollout.newest,
      metadata: { ...rollout.newest.metadata, annotations },
      ...(spec && { spec: { ...spec, minReadySeconds: deployment.spec?.minReadySeconds ?? 0 } }),
    }
  } else if (create) {
    const made = buildReplicaSet(deployment, newReplicaSetAnnotations(deployment, undefined, revision))
    rollout.newest = withSize(made, newReplicaSetSize(deployment, rollout.old, 0), deployment)
    rollout.create = rollout.newest
  }
}

/** Brings sizes to a changed scale without starting or advancing a rollout. */
const scale = (rollout: Rollout): void => {
  const { deployment } = rollout.input
  const active = all(rollout).filter(isActive)
  const wanted = replicasOf(deployment)
  if (active.length <= 1) {
    const target = active[0] ?? rollout.newest ?? rollout.old.at(-1)
    if (target !== undefined) resize(rollout, target, wanted)
    return
  }
  if (isSaturated(deployment, rollout.newest)) {
    for (const rs of rollout.old.filter(isActive)) scaleTo(rollout, rs, 0)
    return
  }
  if (deployment.spec?.strategy?.type === 'Recreate') return
  for (const [rs, replicas] of proportionalSizes(deployment, active)) resize(rollout, rs, replicas)
}

const rollOut = (rollout: Rollout): void => {
  const { deployment } = rollout.input
  syncNewest(rollout, true)
  const { newest } = rollout
  if (newest === undefined) return
  const wanted = replicasOf(deployment)
  const size = replicasOf(newest) > wanted ? wanted : newReplicaSetSize(deployment, all(rollout), replicasOf(newest))
  // Growing comes first; shrinking waits until the new size is seen.
  if (scaleTo(rollout, newest, size) || rollout.create !== undefined) return
  for (const [rs, replicas] of planScaleDown(deployment, newest, rollout.old)) scaleTo(rollout, rs, replicas)
}

const hasOldPods = (rollout: Rollout): boolean => {
  const newestUid = rollout.newest === undefined ? undefined : uidOf(rollout.newest)
  return rollout.input.pods.some((pod) => controllerOf(pod)?.uid !== newestUid && !isPodTerminal(pod))
}

const recreate = (rollout: Rollout): void => {
  const active = rollout.old.filter(isActive)
  syncNewest(rollout, false)
  if (active.length > 0) {
    for (const rs of active) scaleTo(rollout, rs, 0)
    return
  }
  if (hasOldPods(rollout)) return
  if (rollout.newest === undefined) syncNewest(rollout, true)
  if (rollout.newest !== undefined) scaleTo(rollout, rollout.newest, replicasOf(rollout.input.deployment))
}

/** Pausing and resuming stop and restart the progress deadline. */
const notePause = (deployment: Deployment, status: DeploymentStatus, nowMs: number): void => {
  if (!hasProgressDeadline(deployment)) return
  const current = findCondition(status.conditions, 'Progressing')
  if (current?.reason === 'ProgressDeadlineExceeded') return
  const paused = deployment.spec?.paused === true
  const condition = (reason: string, message: string): void =>
    setDeploymentCondition(status, { type: 'Progressing', status: 'Unknown', reason, message }, nowMs)
  if (paused && current?.reason !== 'DeploymentPaused') condition('DeploymentPaused', 'Deployment is paused')
  else if (!paused && current?.reason === 'DeploymentPaused') condition('DeploymentResumed', 'Deployment is resumed')
}

const noteNewest = (rollout: Rollout, status: DeploymentStatus): void => {
  const { deployment, nowMs } = rollout.input
  const { newest, create } = rollout
  if (newest === undefined || !hasProgressDeadline(deployment)) return
  const condition = (reason: string, message: string): void =>
    setDeploymentCondition(status, { type: 'Progressing', status: 'True', reason, message }, nowMs)
  if (create !== undefined) condition('NewReplicaSetCreated', `Created new replica set "${nameOf(create)}"`)
  else if (findCondition(status.conditions, 'Progressing') === undefined) {
    condition('FoundNewReplicaSet', `Found new replica set "${nameOf(newest)}"`)
  }
}

const changesOf = (rollout: Rollout): DeploymentPlan['updates'] =>
  all(rollout).flatMap((to) => {
    const from = rollout.stored.get(uidOf(to))
    if (from === undefined || from === to) return []
    const same =
      from.spec?.replicas === to.spec?.replicas &&
      (from.spec?.minReadySeconds ?? 0) === (to.spec?.minReadySeconds ?? 0) &&
      JSON.stringify(from.metadata?.annotations ?? {}) === JSON.stringify(to.metadata?.annotations ?? {})
    return same ? [] : [{ from, to }]
  })

const finish = (rollout: Rollout, status: DeploymentStatus, requeueAfterMs: number | undefined): DeploymentPlan => {
  const { deployment } = rollout.input
  const revision = rollout.newest?.metadata?.annotations?.[revisionAnnotation]
  return {
    create: rollout.create,
    updates: changesOf(rollout),
    deletes: rollout.deletes,
    revision: revision === deployment.metadata?.annotations?.[revisionAnnotation] ? undefined : revision,
    status,
    requeueAfterMs,
  }
}

/** The next steps of a Deployment. */
export const planDeployment = (input: DeploymentInput): DeploymentPlan => {
  const { nowMs } = input
  const { newest, old } = splitReplicaSets(input.deployment, input.replicaSets)
  const stored = new Map(input.replicaSets.map((rs) => [uidOf(rs), rs]))
  const before: DeploymentStatus = { ...input.deployment.status }
  notePause(input.deployment, before, nowMs)
  const deployment: Deployment = { ...input.deployment, status: before }
  const rollout: Rollout = {
    input: { ...input, deployment },
    stored,
    newest,
    old,
    create: undefined,
    deletes: [],
  }

  if (isDeleting(deployment)) {
    return finish(rollout, calculateStatus(deployment, all(rollout), newest, nowMs), undefined)
  }
  const paused = deployment.spec?.paused === true
  if (paused || isScalingEvent(deployment, input.replicaSets)) {
    syncNewest(rollout, false)
    scale(rollout)
    if (paused) rollout.deletes = planHistoryCleanup(deployment, rollout.old)
    return finish(rollout, calculateStatus(deployment, all(rollout), rollout.newest, nowMs), undefined)
  }

  const sizeBefore = sumReplicas(input.replicaSets)
  if (deployment.spec?.strategy?.type === 'Recreate') recreate(rollout)
  else rollOut(rollout)
  noteNewest(rollout, before)
  const scaled = changesOf(rollout).length > 0 || sumReplicas(all(rollout)) !== sizeBefore
  if (!scaled && deployment.status !== undefined && isComplete(deployment, deployment.status)) {
    rollout.deletes = planHistoryCleanup(deployment, rollout.old)
  }
  const status = rolloutStatus(deployment, all(rollout), rollout.newest, nowMs)
  return finish(rollout, status, progressCheckMs(deployment, status, nowMs))
}
