/** The scheduling framework: what a plugin is. Upstream's names; a plugin is an object literal of data and functions. */
import type { Namespace, Node, Pod } from '../../api/types.ts'
import type { NodeInfo } from './node-info.ts'

/** `unresolvable`: removing Pods from the node would not help; `unschedulable`: it might. */
export type FilterResult =
  | { readonly type: 'fits' }
  | { readonly type: 'unschedulable'; readonly reasons: readonly string[] }
  | { readonly type: 'unresolvable'; readonly reasons: readonly string[] }

export const fits: FilterResult = { type: 'fits' }

/** What changed in the cluster, in the words of QueueingHint: a rejected Pod is tried again when such a thing happens. */
export type ClusterEvent =
  | 'Node/Add'
  | 'Node/Update'
  | 'Node/Delete'
  | 'AssignedPod/Add'
  | 'AssignedPod/Update'
  | 'AssignedPod/Delete'

/** What plugins may read. It does not change during one Pod's cycle: a cycle never awaits. */
export interface Snapshot {
  /** Nodes that exist, in the order in which they are tried. */
  readonly nodes: readonly NodeInfo[]
  readonly namespaces: { get(name: string): Namespace | undefined }
}

/** Prepares once for each Pod what `filter` needs for each node. */
export interface FilterPlugin<State = unknown> {
  readonly name: string
  /** Events after which a Pod that this plugin rejected may fit. */
  readonly events: readonly ClusterEvent[]
  readonly preFilter?: (pod: Pod, snapshot: Snapshot) => State
  readonly filter: (pod: Pod, info: NodeInfo & { readonly node: Node }, state: State) => FilterResult
}

export interface ScorePlugin<State = unknown> {
  readonly name: string
  readonly weight: number
  /** Undefined: this plugin has no say for this Pod, and is skipped. */
  readonly preScore?: (pod: Pod, feasible: readonly NodeInfo[], snapshot: Snapshot) => State | undefined
  /** Raw score; 0 to 100 unless `normalize` brings it there. */
  readonly score: (pod: Pod, info: NodeInfo & { readonly node: Node }, state: State) => number
  /** Brings all nodes' raw scores into 0 to 100, in place. */
  readonly normalize?: (scores: number[], pod: Pod, state: State) => void
}

/** Highest score that a plugin gives. Upstream: framework.MaxNodeScore. */
export const maxNodeScore = 100

/** Scales raw scores so that the highest becomes 100; `reverse` turns "more is worse" around. */
export const defaultNormalize = (scores: number[], reverse: boolean): void => {
  let highest = 0
  for (const score of scores) if (score > highest) highest = score
  if (highest === 0) {
    scores.fill(reverse ? maxNodeScore : 0)
    return
  }
  for (let index = 0; index < scores.length; index++) {
    const scaled = Math.floor(((scores[index] ?? 0) * maxNodeScore) / highest)
    scores[index] = reverse ? maxNodeScore - scaled : scaled
  }
}
