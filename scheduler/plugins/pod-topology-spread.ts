import { matcherFromLabelSelector, type Matcher } from '../../api/meta/labels.ts'
import { podMatchesNode } from '../../api/core/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/core/tolerations.ts'
import type { Pod } from '../../api/types.ts'
import type { NodeInfo } from '../framework/node-info.ts'
import { type FilterPlugin, fits, maxNodeScore, type ScorePlugin, type Snapshot } from '../framework/plugin.ts'

type SpreadConstraint = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>[number]

interface Constraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  readonly matches: Matcher
  readonly counts: (info: NodeInfo, pod: Pod) => boolean
}

interface Domains {
  readonly constraint: Constraint
  /** Matching Pods by value of the topology label, for every value that an eligible node has. */
  readonly pods: Map<string, number>
}

const toConstraint = (pod: Pod, raw: SpreadConstraint): Constraint => {
  const selector = matcherFromLabelSelector(raw.labelSelector)
  const own = pod.metadata?.labels ?? {}
  const extra = (raw.matchLabelKeys ?? []).filter((key) => own[key] !== undefined)
  return {
    topologyKey: raw.topologyKey,
    maxSkew: raw.maxSkew,
    minDomains: raw.minDomains ?? 1,
    matches: (labels) => selector(labels) && extra.every((key) => labels?.[key] === own[key]),
    counts: (info, candidate) => {
      const { node } = info
      if (node === undefined) return false
      if (raw.nodeAffinityPolicy !== 'Ignore' && !podMatchesNode(candidate, node)) return false
      return (
        raw.nodeTaintsPolicy !== 'Honor' ||
        findUntoleratedTaint(node.spec?.taints ?? [], candidate.spec?.tolerations ?? [], [
          'NoSchedule',
          'NoExecute',
        ]) === undefined
      )
    },
  }
}

const countMatching = (info: NodeInfo, namespace: string | undefined, matches: Matcher): number => {
  let count = 0
  for (const other of info.pods.values()) {
    if (other.metadata?.namespace !== namespace || other.metadata?.deletionTimestamp !== undefined) continue
    if (matches(other.metadata?.labels)) count++
  }
  return count
}

const countDomains = (pod: Pod, constraints: readonly Constraint[], nodes: readonly NodeInfo[]): Domains[] =>
  constraints.map((constraint) => {
    const pods = new Map<string, number>()
    for (const info of nodes) {
      const value = info.node?.metadata?.labels?.[constraint.topologyKey]
      if (value === undefined || !constraint.counts(info, pod)) continue
      pods.set(value, (pods.get(value) ?? 0) + countMatching(info, pod.metadata?.namespace, constraint.matches))
    }
    return { constraint, pods }
  })

const constraintsOf = (pod: Pod, action: 'DoNotSchedule' | 'ScheduleAnyway'): Constraint[] =>
  (pod.spec?.topologySpreadConstraints ?? [])
    .filter((constraint) => constraint.whenUnsatisfiable === action)
    .map((constraint) => toConstraint(pod, constraint))

/** Constraints with whenUnsatisfiable: DoNotSchedule. */
export const podTopologySpread: FilterPlugin<readonly Domains[]> = {
  name: 'PodTopologySpread',
  events: ['AssignedPod/Add', 'AssignedPod/Delete', 'AssignedPod/Update', 'Node/Add', 'Node/Update', 'Node/Delete'],
  preFilter: (pod, snapshot) => {
    const constraints = constraintsOf(pod, 'DoNotSchedule')
    return constraints.length === 0 ? [] : countDomains(pod, constraints, snapshot.nodes)
  },
  filter: (pod, { node }, domains) => {
    for (const { constraint, pods } of domains) {
      const value = node.metadata?.labels?.[constraint.topologyKey]
      if (value === undefined) {
        return {
          type: 'unresolvable',
          reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
        }
      }
      const self = constraint.matches(pod.metadata?.labels) ? 1 : 0
      const least = pods.size < constraint.minDomains ? 0 : Math.min(...pods.values())
      if ((pods.get(value) ?? 0) + self - least > constraint.maxSkew) {
        return { type: 'unschedulable', reasons: ["node(s) didn't match pod topology spread constraints"] }
      }
    }
    return fits
  },
}

/** Cluster defaults for Pods of a controller that name no constraints. Upstream: systemDefaultConstraints. */
const systemDefaults = (pod: Pod): Constraint[] => {
  const owner = pod.metadata?.ownerReferences?.find((reference) => reference.controller)
  if (owner === undefined) return []
  // Pods of the same controller are what a Service or ReplicaSet selector would match.
  const labels = pod.metadata?.labels ?? {}
  const keys = Object.keys(labels)
  if (keys.length === 0) return []
  const matches: Matcher = (other) => keys.every((key) => other?.[key] === labels[key])
  const counts = (): boolean => true
  return [
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, minDomains: 1, matches, counts },
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, minDomains: 1, matches, counts },
  ]
}

interface ScoreState {
  readonly domains: readonly Domains[]
}

const scoreConstraints = (pod: Pod): Constraint[] =>
  (pod.spec?.topologySpreadConstraints ?? []).length > 0 ? constraintsOf(pod, 'ScheduleAnyway') : systemDefaults(pod)

/** Prefers the domains with the fewest matching Pods: ScheduleAnyway constraints, or the cluster's defaults. */
export const podTopologySpreadScore: ScorePlugin<ScoreState> = {
  name: 'PodTopologySpread',
  weight: 2,
  preScore: (pod, feasible, snapshot: Snapshot) => {
    const constraints = scoreConstraints(pod)
    if (constraints.length === 0 || feasible.length < 2) return undefined
    return { domains: countDomains(pod, constraints, snapshot.nodes) }
  },
  score: (_pod, { node }, { domains }) =>
    domains.reduce((sum, { constraint, pods }) => {
      const value = node.metadata?.labels?.[constraint.topologyKey]
      if (value === undefined) return sum
      // Fewer domains spread worse: each counts by the logarithm of their number, as upstream weighs them.
      return sum + (pods.get(value) ?? 0) * Math.log(pods.size + 2) + (constraint.maxSkew - 1)
    }, 0),
  normalize: (scores) => {
    const highest = Math.max(...scores)
    const lowest = Math.min(...scores)
    for (const [index, score] of scores.entries()) {
      scores[index] = highest === 0 ? maxNodeScore : Math.floor((maxNodeScore * (highest + lowest - score)) / highest)
    }
  },
}
