/** One scheduling cycle: from a Pod to the node that suits it best, or to the reasons why none does. Pure. */
import type { Node, Pod } from '../api/types.ts'
import type { NodeInfo } from './framework/node-info.ts'
import {
  type FilterPlugin,
  fits,
  type FilterResult,
  maxNodeScore,
  type ScorePlugin,
  type Snapshot,
} from './framework/plugin.ts'

export type ScheduleResult =
  | {
      readonly type: 'scheduled'
      readonly nodeName: string
      readonly feasibleNodes: number
      readonly evaluatedNodes: number
    }
  | { readonly type: 'unschedulable'; readonly message: string; readonly rejectedBy: ReadonlySet<string> }

export interface Profile {
  readonly filters: readonly FilterPlugin[]
  readonly scores: readonly ScorePlugin[]
  /** 0: adaptive, as upstream computes it. */
  readonly percentageOfNodesToScore: number
}

type LiveNode = NodeInfo & { readonly node: Node }
const isLive = (info: NodeInfo): info is LiveNode => info.node !== undefined

const minFeasibleNodes = 100

/** How many feasible nodes are enough in a big cluster. Upstream: numFeasibleNodesToFind. */
export const feasibleNodesToFind = (nodes: number, percentage: number): number => {
  if (nodes < minFeasibleNodes) return nodes
  const share = percentage === 0 ? Math.max(5, 50 - Math.floor(nodes / 125)) : percentage
  return share >= 100 ? nodes : Math.max(minFeasibleNodes, Math.floor((nodes * share) / 100))
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` in upstream's order and words. */
export const fitErrorMessage = (nodes: number, reasons: ReadonlyMap<string, number>): string => {
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort()
  const list = parts.length === 0 ? '' : `: ${parts.join(', ')}`
  return nodes === 0 ? 'no nodes available to schedule pods' : `0/${nodes} nodes are available${list}.`
}

interface Filtered {
  readonly feasible: LiveNode[]
  readonly evaluated: number
  readonly reasons: Map<string, number>
  readonly rejectedBy: Set<string>
}

const runFilters = (
  pod: Pod,
  snapshot: Snapshot,
  options: { readonly profile: Profile; readonly startIndex: number },
): Filtered => {
  const { profile, startIndex } = options
  const { nodes } = snapshot
  const filters = profile.filters.map((plugin) => ({ plugin, state: plugin.preFilter?.(pod, snapshot) }))
  const enough = feasibleNodesToFind(nodes.length, profile.percentageOfNodesToScore)
  const found: Filtered = { feasible: [], evaluated: 0, reasons: new Map(), rejectedBy: new Set() }
  let evaluated = 0
  while (evaluated < nodes.length && found.feasible.length < enough) {
    const info = nodes[(startIndex + evaluated++) % nodes.length]
    if (info === undefined || !isLive(info)) continue
    let rejected: FilterResult = fits
    for (const { plugin, state } of filters) {
      rejected = plugin.filter(pod, info, state)
      if (rejected.type === 'fits') continue
      found.rejectedBy.add(plugin.name)
      for (const reason of rejected.reasons) found.reasons.set(reason, (found.reasons.get(reason) ?? 0) + 1)
      break
    }
    if (rejected.type === 'fits') found.feasible.push(info)
  }
  return { ...found, evaluated }
}

/** Sum of weighted scores of each feasible node, in their order. */
const runScores = (
  pod: Pod,
  feasible: readonly LiveNode[],
  context: { snapshot: Snapshot; profile: Profile },
): number[] => {
  const totals = feasible.map(() => 0)
  for (const plugin of context.profile.scores) {
    const state = plugin.preScore === undefined ? true : plugin.preScore(pod, feasible, context.snapshot)
    if (state === undefined) continue
    const scores = feasible.map((info) => plugin.score(pod, info, state))
    plugin.normalize?.(scores, pod, state)
    for (let index = 0; index < totals.length; index++) {
      totals[index] = (totals[index] ?? 0) + plugin.weight * Math.min(maxNodeScore, scores[index] ?? 0)
    }
  }
  return totals
}

/** Index of the highest score; among equals, one at random, so that equal nodes fill alike. */
const pickHighest = (scores: readonly number[], random: () => number): number => {
  let best = 0
  let equals = 1
  for (let index = 1; index < scores.length; index++) {
    const difference = (scores[index] ?? 0) - (scores[best] ?? 0)
    if (difference > 0) {
      best = index
      equals = 1
    } else if (difference === 0 && random() < 1 / ++equals) {
      best = index
    }
  }
  return best
}

/** Finds the node for a Pod. `startIndex` rotates where a big cluster's search begins. */
export const schedulePod = (
  pod: Pod,
  snapshot: Snapshot,
  options: { readonly profile: Profile; readonly startIndex: number; readonly random: () => number },
): ScheduleResult => {
  const filtered = runFilters(pod, snapshot, options)
  const { feasible, evaluated } = filtered
  if (feasible.length === 0) {
    const message = fitErrorMessage(snapshot.nodes.length, filtered.reasons)
    return { type: 'unschedulable', message, rejectedBy: filtered.rejectedBy }
  }
  const scores = feasible.length === 1 ? [0] : runScores(pod, feasible, { snapshot, profile: options.profile })
  const best = feasible[pickHighest(scores, options.random)]
  return {
    type: 'scheduled',
    nodeName: best?.name ?? '',
    feasibleNodes: feasible.length,
    evaluatedNodes: evaluated,
  }
}
