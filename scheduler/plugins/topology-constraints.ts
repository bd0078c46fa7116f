/** Topology spread constraints, ready to be counted. Upstream: podtopologyspread/common.go. */
import { podMatchesNode } from '../../api/core/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/core/tolerations.ts'
import { type Labels, type Matcher, matcherFromLabelSelector } from '../../api/meta/labels.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'

export type SpreadConstraint = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>[number]
export type UnsatisfiableAction = 'DoNotSchedule' | 'ScheduleAnyway'

export interface Constraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  readonly matches: Matcher
  /** What `matches` asks for, in a text; undefined: it cannot be told, and counts are not remembered. */
  readonly kind: string | undefined
  /** Whether Pods on this node count, by the node inclusion policies. */
  readonly includes: (node: Node) => boolean
  readonly honorsTaints: boolean
}

const hasNodeRules = ({ spec }: Pod): boolean =>
  spec?.nodeSelector !== undefined ||
  spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined

const repelling = ['NoSchedule', 'NoExecute']

const inclusionOf = (pod: Pod, raw: SpreadConstraint): Constraint['includes'] => {
  const asksAffinity = raw.nodeAffinityPolicy !== 'Ignore' && hasNodeRules(pod)
  const asksTaints = raw.nodeTaintsPolicy === 'Honor'
  const tolerations = pod.spec?.tolerations
  return (node) =>
    (!asksAffinity || podMatchesNode(pod, node)) &&
    (!asksTaints || findUntoleratedTaint(node.spec?.taints, tolerations, repelling) === undefined)
}

const matcherOf = (pod: Pod, { labelSelector, matchLabelKeys = [] }: SpreadConstraint): Matcher => {
  const selected = matcherFromLabelSelector(labelSelector)
  const own = pod.metadata?.labels ?? {}
  const same = matchLabelKeys.filter((key) => own[key] !== undefined)
  return same.length === 0 ? selected : (labels) => selected(labels) && same.every((key) => labels?.[key] === own[key])
}

const kindOf = ({ metadata }: Pod, { labelSelector, matchLabelKeys = [] }: SpreadConstraint): string =>
  JSON.stringify([metadata?.namespace, labelSelector, matchLabelKeys.map((key) => [key, metadata?.labels?.[key]])])

/** `matches` replaces the constraint's own selector, as for the cluster's defaults. */
export const compileConstraint = (pod: Pod, raw: SpreadConstraint, matches?: Matcher): Constraint => ({
  topologyKey: raw.topologyKey,
  maxSkew: raw.maxSkew,
  minDomains: raw.minDomains ?? 1,
  matches: matches ?? matcherOf(pod, raw),
  kind: matches === undefined ? kindOf(pod, raw) : undefined,
  includes: inclusionOf(pod, raw),
  honorsTaints: raw.nodeTaintsPolicy === 'Honor',
})

/** A node without one of the labels is outside of the topology altogether. */
export const hasAllKeys = (constraints: readonly Constraint[], labels: Labels): boolean => {
  for (const { topologyKey } of constraints) if (labels?.[topologyKey] === undefined) return false
  return true
}

/** Pods of the namespace on the node that the selector matches; those that are being deleted do not count. */
export const countMatching = (
  info: LiveNodeInfo,
  namespace: string | undefined,
  { matches, kind }: Constraint,
): number => {
  if (info.pods.size === 0) return 0
  const counts = ({ metadata }: Pod): boolean =>
    metadata?.namespace === namespace && metadata?.deletionTimestamp === undefined && matches(metadata?.labels)
  if (kind !== undefined) return info.countPods(kind, counts)
  let count = 0
  for (const pod of info.pods.values()) if (counts(pod)) count++
  return count
}

/** Pods of a topology key's values: what Filter asks. */
export interface Domains {
  readonly constraint: Constraint
  /** Matching Pods by value of the topology label, for every value that an eligible node has. */
  readonly pods: Map<string, number>
  /** The smallest of them; undefined: to be found anew. */
  least: number | undefined
}

export const countDomains = (
  pod: Pod,
  constraints: readonly Constraint[],
  nodes: readonly LiveNodeInfo[],
): Domains[] => {
  const domains = constraints.map((constraint) => ({ constraint, pods: new Map<string, number>(), least: undefined }))
  const namespace = pod.metadata?.namespace
  for (const info of nodes) {
    const labels = info.node.metadata?.labels
    if (!hasAllKeys(constraints, labels)) continue
    for (const { constraint, pods } of domains) {
      if (!constraint.includes(info.node)) continue
      const value = labels?.[constraint.topologyKey] ?? ''
      pods.set(value, (pods.get(value) ?? 0) + countMatching(info, namespace, constraint))
    }
  }
  return domains
}

/** With fewer domains than minDomains there is always an empty one to come. */
export const leastOf = (domains: Domains): number => {
  if (domains.pods.size < domains.constraint.minDomains) return 0
  if (domains.least === undefined) {
    let least = Infinity
    for (const count of domains.pods.values()) if (count < least) least = count
    domains.least = least
  }
  return domains.least
}

/** One Pod more, or less, on a node. */
export const updateDomains = (
  domains: readonly Domains[],
  pod: Pod,
  { other, info, by }: { other: Pod; info: LiveNodeInfo; by: number },
): void => {
  const labels = info.node.metadata?.labels
  if (other.metadata?.namespace !== pod.metadata?.namespace || other.metadata?.deletionTimestamp !== undefined) return
  const constraints = domains.map(({ constraint }) => constraint)
  if (!hasAllKeys(constraints, labels)) return
  for (const domain of domains) {
    const { constraint, pods } = domain
    if (!constraint.matches(other.metadata?.labels) || !constraint.includes(info.node)) continue
    const value = labels?.[constraint.topologyKey] ?? ''
    pods.set(value, (pods.get(value) ?? 0) + by)
    domain.least = undefined
  }
}
