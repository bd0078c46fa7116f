/** How well a node spreads a Pod: domains with few matching Pods are better. Upstream: podtopologyspread/scoring.go. */
import type { Pod } from '../../api/types.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import { maxNodeScore } from '../framework/scores.ts'
import { type Constraint, countMatching, hasAllKeys } from './topology-constraints.ts'

const hostname = 'kubernetes.io/hostname'

export interface SpreadScores {
  readonly constraints: readonly {
    readonly constraint: Constraint
    /** Matching Pods by value, of the values that feasible nodes have; undefined for hostnames, counted node by node. */
    readonly pods: Map<string, number> | undefined
    /** Many domains hold few Pods each: their counts weigh more. */
    readonly weight: number
  }[]
  /** Nodes without one of the keys get no points. */
  readonly requireAllKeys: boolean
}

/** Raw score of a node that gets no points. */
const noPoints = -1

export const prepareSpreadScores = (
  pod: Pod,
  constraints: readonly Constraint[],
  nodes: {
    readonly feasible: readonly LiveNodeInfo[]
    readonly all: readonly LiveNodeInfo[]
    readonly requireAllKeys: boolean
  },
): SpreadScores => {
  const { feasible, all, requireAllKeys } = nodes
  const counts = constraints.map(({ topologyKey }) =>
    topologyKey === hostname ? undefined : new Map<string, number>(),
  )
  const isOut = ({ node }: LiveNodeInfo): boolean => requireAllKeys && !hasAllKeys(constraints, node.metadata?.labels)
  let scored = 0
  for (const info of feasible) {
    if (isOut(info)) continue
    scored++
    for (const [index, { topologyKey }] of constraints.entries()) {
      counts[index]?.set(info.node.metadata?.labels?.[topologyKey] ?? '', 0)
    }
  }
  for (const info of counts.some((pods) => pods !== undefined) ? all : []) {
    if (isOut(info)) continue
    for (const [index, constraint] of constraints.entries()) {
      const pods = counts[index]
      const value = info.node.metadata?.labels?.[constraint.topologyKey] ?? ''
      const known = pods?.get(value)
      if (pods === undefined || known === undefined || !constraint.includes(info.node)) continue
      pods.set(value, known + countMatching(info, pod.metadata?.namespace, constraint))
    }
  }
  return {
    requireAllKeys,
    constraints: constraints.map((constraint, index) => {
      const pods = counts[index]
      return { constraint, pods, weight: Math.log((pods?.size ?? scored) + 2) }
    }),
  }
}

export const spreadScore = (pod: Pod, info: LiveNodeInfo, { constraints, requireAllKeys }: SpreadScores): number => {
  const labels = info.node.metadata?.labels
  let sum = 0
  for (const { constraint, pods, weight } of constraints) {
    const value = labels?.[constraint.topologyKey]
    if (value === undefined) {
      if (requireAllKeys) return noPoints
      continue
    }
    const count = pods === undefined ? countMatching(info, pod.metadata?.namespace, constraint) : (pods.get(value) ?? 0)
    // maxSkew waters down differences that it tolerates.
    sum += count * weight + (constraint.maxSkew - 1)
  }
  return Math.round(sum)
}

/** Turns "more Pods" into "fewer points"; nodes without points stay at 0. */
export const normalizeSpread = (scores: number[]): void => {
  let highest = 0
  let lowest = Infinity
  for (const score of scores) {
    if (score === noPoints) continue
    if (score > highest) highest = score
    if (score < lowest) lowest = score
  }
  for (const [index, score] of scores.entries()) {
    if (score === noPoints) scores[index] = 0
    else if (highest === 0) scores[index] = maxNodeScore
    else scores[index] = Math.floor((maxNodeScore * (highest + lowest - score)) / highest)
  }
}
