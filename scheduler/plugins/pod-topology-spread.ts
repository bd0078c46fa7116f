import { matcherFromLabelSelector, type Matcher } from '../../api/meta/labels.ts'
import { podMatchesNode } from '../../api/core/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/core/tolerations.ts'
import type { Pod } from '../../api/types.ts'
import type { Handle } from '../framework/handle.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import type { Plugin } from '../framework/plugin.ts'
import { maxNodeScore } from '../framework/scores.ts'
import { skip, unresolvable, unschedulable } from '../framework/status.ts'

type SpreadConstraint = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>[number]

interface Constraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  readonly matches: Matcher
  readonly counts: (info: LiveNodeInfo, pod: Pod) => boolean
}

interface Domains {
  readonly constraint: Constraint
  /** Matching Pods by value of the topology label, for every value that an eligible node has. */
  readonly pods: Map<string, number>
  /** The smallest of them; undefined: to be found anew. */
  least: number | undefined
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

const countMatching = (info: LiveNodeInfo, namespace: string | undefined, matches: Matcher): number => {
  let count = 0
  for (const other of info.pods.values()) {
    if (other.metadata?.namespace !== namespace || other.metadata?.deletionTimestamp !== undefined) continue
    if (matches(other.metadata?.labels)) count++
  }
  return count
}

const countDomains = (pod: Pod, constraints: readonly Constraint[], nodes: readonly LiveNodeInfo[]): Domains[] =>
  constraints.map((constraint) => {
    const pods = new Map<string, number>()
    for (const info of nodes) {
      const value = info.node.metadata?.labels?.[constraint.topologyKey]
      if (value === undefined || !constraint.counts(info, pod)) continue
      pods.set(value, (pods.get(value) ?? 0) + countMatching(info, pod.metadata?.namespace, constraint.matches))
    }
    return { constraint, pods, least: undefined }
  })

const constraintsOf = (pod: Pod, action: 'DoNotSchedule' | 'ScheduleAnyway'): Constraint[] =>
  (pod.spec?.topologySpreadConstraints ?? [])
    .filter((constraint) => constraint.whenUnsatisfiable === action)
    .map((constraint) => toConstraint(pod, constraint))

const leastOf = (domains: Domains): number => {
  if (domains.pods.size < domains.constraint.minDomains) return 0
  if (domains.least === undefined) {
    let least = Infinity
    for (const count of domains.pods.values()) if (count < least) least = count
    domains.least = least
  }
  return domains.least
}

const noLabel = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)")
const skewed = unschedulable("node(s) didn't match pod topology spread constraints")

/** One Pod more, or less, on a node. */
const updateDomains = (
  domains: readonly Domains[],
  pod: Pod,
  { other, info, by }: { other: Pod; info: LiveNodeInfo; by: number },
): void => {
  if (other.metadata?.namespace !== pod.metadata?.namespace || other.metadata?.deletionTimestamp !== undefined) return
  for (const domain of domains) {
    const { constraint, pods } = domain
    const value = info.node.metadata?.labels?.[constraint.topologyKey]
    if (value === undefined || !constraint.matches(other.metadata?.labels) || !constraint.counts(info, pod)) continue
    pods.set(value, (pods.get(value) ?? 0) + by)
    domain.least = undefined
  }
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

/**
 * Constraints with whenUnsatisfiable DoNotSchedule filter; those with ScheduleAnyway, or the cluster's defaults, prefer
 * the domains with the fewest matching Pods.
 */
export const podTopologySpread = (_args: unknown, { snapshot }: Handle): Plugin<readonly Domains[], ScoreState> => ({
  name: 'PodTopologySpread',
  eventsToRegister: [
    { resource: 'AssignedPod', actions: ['Add', 'Delete', 'UpdatePodLabel'] },
    { resource: 'TargetPod', actions: ['UpdatePodLabel', 'UpdatePodToleration'] },
    { resource: 'Node', actions: ['Add', 'Delete', 'UpdateNodeLabel', 'UpdateNodeTaint'] },
  ],
  preFilter: (pod) => {
    const constraints = constraintsOf(pod, 'DoNotSchedule')
    if (constraints.length === 0) return skip
    return { code: 'Success', state: countDomains(pod, constraints, snapshot.nodes) }
  },
  cloneState: (domains) => domains.map((domain) => ({ ...domain, pods: new Map(domain.pods) })),
  addPod: (domains, pod, added, info) => updateDomains(domains, pod, { other: added, info, by: 1 }),
  removePod: (domains, pod, removed, info) => updateDomains(domains, pod, { other: removed, info, by: -1 }),
  filter: (pod, { node }, domains) => {
    for (const domain of domains) {
      const { constraint, pods } = domain
      const value = node.metadata?.labels?.[constraint.topologyKey]
      if (value === undefined) return noLabel
      const self = constraint.matches(pod.metadata?.labels) ? 1 : 0
      if ((pods.get(value) ?? 0) + self - leastOf(domain) > constraint.maxSkew) return skewed
    }
    return undefined
  },
  preScore: (pod, feasible) => {
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
  normalizeScores: (scores) => {
    let highest = 0
    let lowest = Infinity
    for (const score of scores) {
      if (score > highest) highest = score
      if (score < lowest) lowest = score
    }
    for (const [index, score] of scores.entries()) {
      scores[index] = highest === 0 ? maxNodeScore : Math.floor((maxNodeScore * (highest + lowest - score)) / highest)
    }
  },
})
