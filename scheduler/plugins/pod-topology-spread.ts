import type { KubeObject, Node, Pod } from '../../api/types.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { skip, unresolvable, unschedulable } from '../framework/status.ts'
import { createDefaultSelector, type DefaultSelector } from './default-selector.ts'
import {
  compileConstraint,
  type Constraint,
  countDomains,
  type Domains,
  hasAllKeys,
  leastOf,
  type SpreadConstraint,
  type UnsatisfiableAction,
  updateDomains,
} from './topology-constraints.ts'
import { normalizeSpread, prepareSpreadScores, type SpreadScores, spreadScore } from './topology-scoring.ts'

/** PodTopologySpreadArgs. */
export interface PodTopologySpreadArgs {
  /** For Pods that name no constraints; without selectors. */
  readonly defaultConstraints?: readonly SpreadConstraint[]
  /** System: the defaults below; List: those in `defaultConstraints`. */
  readonly defaultingType?: 'System' | 'List'
}

const systemDefaults: readonly SpreadConstraint[] = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
]

const noLabel = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)")
const skewed = unschedulable("node(s) didn't match pod topology spread constraints")

type ConstraintsOf = (pod: Pod) => readonly Constraint[]

const labelsOf = (object: KubeObject) => object.metadata?.labels
const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Only Pods that run in the same namespace matter, and the waiting Pod itself. */
const isInvolved = (pod: Pod, other: Pod): boolean =>
  other.metadata?.uid === pod.metadata?.uid ||
  ((other.spec?.nodeName ?? '') !== '' && other.metadata?.namespace === pod.metadata?.namespace)

const podHint =
  (constraintsOf: ConstraintsOf): QueueingHint =>
  (pod, change) => {
    const [old, current] = [change.old as Pod | undefined, change.current as Pod | undefined]
    const others = [old, current].filter((other) => other !== undefined)
    if (!others.every((other) => isInvolved(pod, other))) return 'Skip'
    const constraints = constraintsOf(pod)
    if (old === undefined || current === undefined) {
      return others.some((other) => constraints.every(({ matches }) => matches(labelsOf(other)))) ? 'Queue' : 'Skip'
    }
    const isTolerant =
      current.metadata?.uid === pod.metadata?.uid &&
      !sameJson(old.spec?.tolerations, current.spec?.tolerations) &&
      constraints.some(({ honorsTaints }) => honorsTaints)
    const changed = constraints.some(({ matches }) => matches(labelsOf(old)) !== matches(labelsOf(current)))
    return isTolerant || changed ? 'Queue' : 'Skip'
  }

const nodeHint =
  (constraintsOf: ConstraintsOf): QueueingHint =>
  (pod, change) => {
    const [old, current] = [change.old as Node | undefined, change.current as Node | undefined]
    const constraints = constraintsOf(pod)
    const matched = old !== undefined && hasAllKeys(constraints, labelsOf(old))
    const matches = current !== undefined && hasAllKeys(constraints, labelsOf(current))
    if (old === undefined || current === undefined) return matched || matches ? 'Queue' : 'Skip'
    if (matched !== matches) return 'Queue'
    const moved = constraints.some(({ topologyKey: key }) => labelsOf(old)?.[key] !== labelsOf(current)?.[key])
    return matches && (moved || !sameJson(old.spec?.taints, current.spec?.taints)) ? 'Queue' : 'Skip'
  }

/**
 * Constraints with whenUnsatisfiable DoNotSchedule filter; those with ScheduleAnyway prefer the domains with the fewest
 * matching Pods. Pods that name none have the cluster's defaults.
 */
export const podTopologySpread: PluginFactory = (
  args,
  { snapshot, informers },
): Plugin<readonly Domains[], SpreadScores> => {
  const { defaultConstraints = [], defaultingType = 'System' } = (args ?? {}) as PodTopologySpreadArgs
  const defaults = defaultingType === 'System' ? systemDefaults : defaultConstraints
  const defaultSelector: DefaultSelector = defaults.length === 0 ? () => undefined : createDefaultSelector(informers)

  const constraintsOf = (pod: Pod, action: UnsatisfiableAction): readonly Constraint[] => {
    const own = pod.spec?.topologySpreadConstraints ?? []
    const raw = (own.length > 0 ? own : defaults).filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
    if (own.length > 0 || raw.length === 0) return raw.map((constraint) => compileConstraint(pod, constraint))
    const matches = defaultSelector(pod)
    return matches === undefined ? [] : raw.map((constraint) => compileConstraint(pod, constraint, matches))
  }
  const hard: ConstraintsOf = (pod) => constraintsOf(pod, 'DoNotSchedule')

  return {
    name: 'PodTopologySpread',
    eventsToRegister: [
      { resource: 'AssignedPod', actions: ['Add', 'Delete', 'UpdatePodLabel'], hint: podHint(hard) },
      { resource: 'TargetPod', actions: ['UpdatePodLabel', 'UpdatePodToleration'], hint: podHint(hard) },
      { resource: 'Node', actions: ['Add', 'Delete', 'UpdateNodeLabel', 'UpdateNodeTaint'], hint: nodeHint(hard) },
    ],
    preFilter: (pod, nodes) => {
      const constraints = hard(pod)
      return constraints.length === 0 ? skip : { code: 'Success', state: countDomains(pod, constraints, nodes) }
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
      const constraints = constraintsOf(pod, 'ScheduleAnyway')
      if (constraints.length === 0) return undefined
      // The defaults must still spread over hosts where no node has a zone.
      const isDefaulted = (pod.spec?.topologySpreadConstraints ?? []).length === 0
      const requireAllKeys = !isDefaulted || defaultingType !== 'System'
      return prepareSpreadScores(pod, constraints, { feasible, all: snapshot.nodes, requireAllKeys })
    },
    score: spreadScore,
    normalizeScores: normalizeSpread,
  }
}
