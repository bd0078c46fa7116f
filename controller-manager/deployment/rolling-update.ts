/** How old ReplicaSets shrink while the new one grows. Upstream: pkg/controller/deployment/rolling.go. */
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { byCreation } from '../objects.ts'
import { availableOf, maxUnavailable, replicasOf, sumReplicas } from './sizes.ts'

/** New sizes of old ReplicaSets; those not named keep theirs. */
export type Sizes = ReadonlyMap<ReplicaSet, number>

/** Takes Pods that are not available first: they serve nobody, and could block the rollout for ever. */
const cleanUnhealthy = (old: readonly ReplicaSet[], sizes: Map<ReplicaSet, number>, limit: number): void => {
  let cleaned = 0
  for (const rs of old) {
    if (cleaned >= limit) return
    const replicas = replicasOf(rs)
    const count = Math.min(limit - cleaned, replicas - availableOf(rs))
    if (replicas === 0 || count <= 0) continue
    sizes.set(rs, replicas - count)
    cleaned += count
  }
}

const scaleDownAvailable = (old: readonly ReplicaSet[], sizes: Map<ReplicaSet, number>, limit: number): void => {
  let scaled = 0
  for (const rs of old) {
    if (scaled >= limit) return
    const replicas = sizes.get(rs) ?? replicasOf(rs)
    if (replicas === 0) continue
    const count = Math.min(replicas, limit - scaled)
    sizes.set(rs, replicas - count)
    scaled += count
  }
}

/** How far the old ReplicaSets may shrink now so that enough Pods stay available. */
export const planScaleDown = (
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes => {
  const sizes = new Map<ReplicaSet, number>()
  if (sumReplicas(old) === 0) return sizes
  const all = newest === undefined ? old : [...old, newest]
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)
  const newUnavailable = newest === undefined ? 0 : replicasOf(newest) - availableOf(newest)
  const maxCleaned = sumReplicas(all) - minAvailable - newUnavailable
  if (maxCleaned <= 0) return sizes
  const sorted = [...old].sort(byCreation)
  cleanUnhealthy(sorted, sizes, maxCleaned)
  const available = all.reduce((sum, rs) => sum + availableOf(rs), 0)
  if (available > minAvailable) scaleDownAvailable(sorted, sizes, available - minAvailable)
  return sizes
}
