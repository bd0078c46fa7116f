/** How large the ReplicaSets of a Deployment may be. Upstream: deployment_util.go. */
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { scaledValue } from '../int-or-percent.ts'
import { annotationsOf, byCreation, createdMs } from '../objects.ts'
import { desiredReplicasAnnotation, maxReplicasAnnotation } from './revisions.ts'

export const replicasOf = (object: Deployment | ReplicaSet): number => object.spec?.replicas ?? 1
export const availableOf = (replicaSet: ReplicaSet): number => replicaSet.status?.availableReplicas ?? 0

export const sumReplicas = (replicaSets: readonly ReplicaSet[]): number =>
  replicaSets.reduce((sum, rs) => sum + replicasOf(rs), 0)

const isRolling = (deployment: Deployment): boolean => deployment.spec?.strategy?.type !== 'Recreate'

const fenceposts = (deployment: Deployment): { surge: number; unavailable: number } => {
  const rolling = deployment.spec?.strategy?.rollingUpdate
  const surge = scaledValue(rolling?.maxSurge ?? '25%', replicasOf(deployment), 'up')
  const unavailable = scaledValue(rolling?.maxUnavailable ?? '25%', replicasOf(deployment), 'down')
  // Both may round to zero; then nothing could ever move.
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

/** Pods above the wanted number that a rolling update may have. */
export const maxSurge = (deployment: Deployment): number => (isRolling(deployment) ? fenceposts(deployment).surge : 0)

/** Pods below the wanted number that a rolling update may have available. */
export const maxUnavailable = (deployment: Deployment): number => {
  const replicas = replicasOf(deployment)
  if (!isRolling(deployment) || replicas === 0) return 0
  return Math.min(fenceposts(deployment).unavailable, replicas)
}

/** The size that the newest ReplicaSet may have now, given all of them. Upstream: NewRSNewReplicas. */
export const newReplicaSetSize = (deployment: Deployment, all: readonly ReplicaSet[], current: number): number => {
  if (!isRolling(deployment)) return replicasOf(deployment)
  const room = replicasOf(deployment) + maxSurge(deployment) - sumReplicas(all)
  if (room <= 0) return current
  return current + Math.min(room, replicasOf(deployment) - current)
}

const annotatedNumber = (replicaSet: ReplicaSet, annotation: string): number | undefined => {
  const text = annotationsOf(replicaSet)[annotation]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** True if the Deployment was scaled since its ReplicaSets were last sized. */
export const isScalingEvent = (deployment: Deployment, all: readonly ReplicaSet[]): boolean =>
  all.some((rs) => {
    if (replicasOf(rs) === 0) return false
    const desired = annotatedNumber(rs, desiredReplicasAnnotation)
    return desired !== undefined && desired !== replicasOf(deployment)
  })

/** True if the newest ReplicaSet has taken over all of the Deployment's replicas. */
export const isSaturated = (deployment: Deployment, replicaSet: ReplicaSet | undefined): boolean => {
  const wanted = replicasOf(deployment)
  return (
    replicaSet !== undefined &&
    annotatedNumber(replicaSet, desiredReplicasAnnotation) === wanted &&
    replicasOf(replicaSet) === wanted &&
    availableOf(replicaSet) === wanted
  )
}

/** A ReplicaSet with this size and with the annotations that say what it is a share of. */
export const withSize = (replicaSet: ReplicaSet, replicas: number, deployment: Deployment): ReplicaSet => {
  const { spec } = replicaSet
  if (spec === undefined) return replicaSet
  const annotations = {
    ...annotationsOf(replicaSet),
    [desiredReplicasAnnotation]: String(replicasOf(deployment)),
    [maxReplicasAnnotation]: String(replicasOf(deployment) + maxSurge(deployment)),
  }
  return { ...replicaSet, metadata: { ...replicaSet.metadata, annotations }, spec: { ...spec, replicas } }
}

const roundHalfAwayFromZero = (value: number): number => Math.sign(value) * Math.round(Math.abs(value))

const proportion = (deployment: Deployment, rs: ReplicaSet, toAdd: number, added: number): number => {
  if (replicasOf(rs) === 0 || toAdd === 0 || toAdd === added) return 0
  const allowed = toAdd - added
  const before = annotatedNumber(rs, maxReplicasAnnotation) ?? deployment.status?.replicas ?? 0
  const total = replicasOf(deployment) + maxSurge(deployment)
  const fraction =
    replicasOf(deployment) === 0
      ? -replicasOf(rs)
      : before === 0
        ? 0
        : roundHalfAwayFromZero((replicasOf(rs) * total) / before) - replicasOf(rs)
  return toAdd > 0 ? Math.min(fraction, allowed) : Math.max(fraction, allowed)
}

/**
 * Spreads a change of scale over the active ReplicaSets in proportion to their sizes; what rounding leaves over goes
 * to the largest (the newest of equals when growing, the oldest when shrinking).
 */
export const proportionalSizes = (deployment: Deployment, active: readonly ReplicaSet[]): Map<ReplicaSet, number> => {
  const wanted = replicasOf(deployment)
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0
  const toAdd = allowed - sumReplicas(active)
  const sorted = [...active].sort((a, b) => {
    const bySize = replicasOf(b) - replicasOf(a)
    if (bySize !== 0) return bySize
    return toAdd > 0 ? createdMs(b) - createdMs(a) || -byCreation(a, b) : byCreation(a, b)
  })
  const sizes = new Map<ReplicaSet, number>()
  let added = 0
  for (const rs of sorted) {
    const share = proportion(deployment, rs, toAdd, added)
    added += share
    sizes.set(rs, replicasOf(rs) + share)
  }
  const [largest] = sorted
  if (largest !== undefined && toAdd !== 0) {
    sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added))
  }
  return sizes
}
