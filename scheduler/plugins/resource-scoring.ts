/** How a node's resources become a score: pure functions of what is requested and what there is. */
import { maxNodeScore } from '../framework/scores.ts'

/** A resource that counts, and how much. */
export interface ResourceSpec {
  readonly name: string
  /** 1 by default. */
  readonly weight?: number
}

/** A corner of the function from utilization (0 to 100) to score (0 to 10). */
export interface UtilizationShapePoint {
  readonly utilization: number
  readonly score: number
}

/**
 * Amounts by the index of their resource, with the new Pod counted in. A resource that the node does not have, or that
 * the Pod passes over, is allocatable 0 and does not count.
 */
export type ResourceScorer = (requested: readonly number[], allocatable: readonly number[]) => number

export const defaultResources: readonly ResourceSpec[] = [{ name: 'cpu' }, { name: 'memory' }]

/** Highest score in a shape. Upstream: MaxCustomPriorityScore. */
const maxShapeScore = 10
const maxUtilization = 100

/** Scores of single resources, put together by weight. Whole numbers at each step, as upstream's int64. */
const weighted =
  (resources: readonly ResourceSpec[], score: (requested: number, capacity: number) => number): ResourceScorer =>
  (requested, allocatable) => {
    let sum = 0
    let weights = 0
    for (let index = 0; index < resources.length; index++) {
      const capacity = allocatable[index] ?? 0
      if (capacity === 0) continue
      const weight = resources[index]?.weight ?? 1
      sum += score(requested[index] ?? 0, capacity) * weight
      weights += weight
    }
    return weights === 0 ? 0 : Math.floor(sum / weights)
  }

/** The emptiest node is the best. */
export const leastAllocated = (resources: readonly ResourceSpec[]): ResourceScorer =>
  weighted(resources, (requested, capacity) =>
    requested > capacity ? 0 : Math.floor(((capacity - requested) * maxNodeScore) / capacity),
  )

/** The fullest node is the best: fewer nodes do. */
export const mostAllocated = (resources: readonly ResourceSpec[]): ResourceScorer =>
  weighted(resources, (requested, capacity) => Math.floor((Math.min(requested, capacity) * maxNodeScore) / capacity))

/** Straight lines between the points, level outside of them. Upstream: BuildBrokenLinearFunction. */
export const brokenLinear =
  (shape: readonly UtilizationShapePoint[]): ((utilization: number) => number) =>
  (utilization) => {
    let before: UtilizationShapePoint | undefined
    for (const point of shape) {
      if (utilization > point.utilization) {
        before = point
        continue
      }
      if (before === undefined) return point.score
      const rise = (point.score - before.score) * (utilization - before.utilization)
      return before.score + Math.trunc(rise / (point.utilization - before.utilization))
    }
    return before?.score ?? 0
  }

/** The administrator says how good which utilization is. Resources that score 0 do not count. */
export const requestedToCapacityRatio = (
  resources: readonly ResourceSpec[],
  shape: readonly UtilizationShapePoint[],
): ResourceScorer => {
  const scaled = shape.map(({ utilization, score }) => ({
    utilization,
    score: (score * maxNodeScore) / maxShapeScore,
  }))
  const scoreOf = brokenLinear(scaled)
  return (requested, allocatable) => {
    let sum = 0
    let weights = 0
    for (const [index, { weight = 1 }] of resources.entries()) {
      const capacity = allocatable[index] ?? 0
      if (capacity === 0) continue
      const used = requested[index] ?? 0
      const utilization = used > capacity ? maxUtilization : Math.floor((used * maxUtilization) / capacity)
      const score = scoreOf(utilization)
      if (score <= 0) continue
      sum += score * weight
      weights += weight
    }
    return weights === 0 ? 0 : Math.round(sum / weights)
  }
}

const shareOf = (requested: number, capacity: number): number => Math.min(1, requested / capacity)

/** Standard deviation of the shares in use, with the arithmetic of upstream: its rounding shows in the scores. */
const deviation = (requested: readonly number[], allocatable: readonly number[]): number => {
  const shares: number[] = []
  for (const [index, capacity] of allocatable.entries()) {
    if (capacity > 0) shares.push(shareOf(requested[index] ?? 0, capacity))
  }
  const [first = 0, second = 0] = shares
  if (shares.length < 2) return 0
  if (shares.length === 2) return Math.abs((first - second) / 2)
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) * (share - mean), 0) / shares.length)
}

/** 100 where all resources are used to the same degree, less by the standard deviation of their shares. */
export const balance: ResourceScorer = (requested, allocatable) =>
  Math.floor((1 - deviation(requested, allocatable)) * maxNodeScore)

/** 50 to 100: how much better balanced the node is with the Pod than without it; 75 is no difference. */
export const balanceGained = (
  withPod: readonly number[],
  withoutPod: readonly number[],
  allocatable: readonly number[],
): number => {
  const half = maxNodeScore / 2
  return half + Math.trunc((half + balance(withPod, allocatable) - balance(withoutPod, allocatable)) / 2)
}
