import { matcherFromLabelSelector, type Matcher } from '../../api/meta/labels.ts'
import type { Pod } from '../../api/types.ts'
import type { NodeInfo } from '../framework/node-info.ts'
import { type FilterPlugin, fits, maxNodeScore, type ScorePlugin, type Snapshot } from '../framework/plugin.ts'

type Affinity = NonNullable<NonNullable<Pod['spec']>['affinity']>
type AffinityTerm = NonNullable<
  NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number]

interface Term {
  readonly topologyKey: string
  readonly matches: (pod: Pod) => boolean
}

const compileTerm = (owner: Pod, raw: AffinityTerm, snapshot: Snapshot): Term => {
  const selector: Matcher = matcherFromLabelSelector(raw.labelSelector)
  const namespaces = new Set(raw.namespaces ?? [])
  if (namespaces.size === 0 && raw.namespaceSelector === undefined) namespaces.add(owner.metadata?.namespace ?? '')
  const namespaceSelector = matcherFromLabelSelector(raw.namespaceSelector)
  const own = owner.metadata?.labels ?? {}
  const same = (raw.matchLabelKeys ?? []).filter((key) => own[key] !== undefined)
  const other = (raw.mismatchLabelKeys ?? []).filter((key) => own[key] !== undefined)
  return {
    topologyKey: raw.topologyKey,
    matches: (pod) => {
      const labels = pod.metadata?.labels
      const namespace = pod.metadata?.namespace ?? ''
      return (
        (namespaces.has(namespace) || namespaceSelector(snapshot.namespaces.get(namespace)?.metadata?.labels)) &&
        selector(labels) &&
        same.every((key) => labels?.[key] === own[key]) &&
        other.every((key) => labels?.[key] !== own[key])
      )
    },
  }
}

const required = (pod: Pod, kind: 'podAffinity' | 'podAntiAffinity', snapshot: Snapshot): Term[] =>
  (pod.spec?.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
    compileTerm(pod, term, snapshot),
  )

interface State {
  /** For each own affinity term, the topology values where a matching Pod runs. */
  readonly affinity: readonly { readonly term: Term; readonly values: ReadonlySet<string> }[]
  readonly antiAffinity: readonly { readonly term: Term; readonly values: ReadonlySet<string> }[]
  /** `key=value` of topologies that running Pods keep this Pod out of. */
  readonly repelled: ReadonlySet<string>
  /** The first Pod of a group that has affinity to itself may go anywhere. */
  readonly firstOfGroup: boolean
}

const valuesWith = (term: Term, nodes: readonly NodeInfo[]): ReadonlySet<string> => {
  const values = new Set<string>()
  for (const info of nodes) {
    const value = info.node?.metadata?.labels?.[term.topologyKey]
    if (value === undefined || values.has(value)) continue
    for (const pod of info.pods.values()) {
      if (!term.matches(pod)) continue
      values.add(value)
      break
    }
  }
  return values
}

const repelledBy = (pod: Pod, snapshot: Snapshot): ReadonlySet<string> => {
  const repelled = new Set<string>()
  for (const info of snapshot.nodes) {
    if (info.podsWithAffinity.size === 0) continue
    for (const other of info.podsWithAffinity.values()) {
      for (const term of required(other, 'podAntiAffinity', snapshot)) {
        const value = info.node?.metadata?.labels?.[term.topologyKey]
        if (value !== undefined && term.matches(pod)) repelled.add(`${term.topologyKey}=${value}`)
      }
    }
  }
  return repelled
}

/** Required affinity and anti-affinity between Pods, in both directions. */
export const interPodAffinity: FilterPlugin<State> = {
  name: 'InterPodAffinity',
  events: ['AssignedPod/Add', 'AssignedPod/Delete', 'AssignedPod/Update', 'Node/Add', 'Node/Update'],
  preFilter: (pod, snapshot) => {
    const collect = (kind: 'podAffinity' | 'podAntiAffinity') =>
      required(pod, kind, snapshot).map((term) => ({ term, values: valuesWith(term, snapshot.nodes) }))
    const affinity = collect('podAffinity')
    return {
      affinity,
      antiAffinity: collect('podAntiAffinity'),
      repelled: repelledBy(pod, snapshot),
      firstOfGroup: affinity.every(({ term, values }) => values.size === 0 && term.matches(pod)),
    }
  },
  filter: (_pod, { node }, state) => {
    const labels = node.metadata?.labels ?? {}
    for (const { term, values } of state.affinity) {
      const value = labels[term.topologyKey]
      if (value === undefined || (!values.has(value) && !state.firstOfGroup)) {
        return { type: 'unresolvable', reasons: ["node(s) didn't match pod affinity rules"] }
      }
    }
    for (const { term, values } of state.antiAffinity) {
      const value = labels[term.topologyKey]
      if (value !== undefined && values.has(value)) {
        return { type: 'unschedulable', reasons: ["node(s) didn't match pod anti-affinity rules"] }
      }
    }
    if (
      state.repelled.size > 0 &&
      Object.entries(labels).some(([key, value]) => state.repelled.has(`${key}=${value}`))
    ) {
      return { type: 'unschedulable', reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] }
    }
    return fits
  },
}

interface WeightedTerm extends Term {
  readonly weight: number
}

const preferred = (pod: Pod, snapshot: Snapshot): WeightedTerm[] => {
  const terms = (kind: 'podAffinity' | 'podAntiAffinity', sign: 1 | -1): WeightedTerm[] =>
    (pod.spec?.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({
      ...compileTerm(pod, term.podAffinityTerm, snapshot),
      weight: sign * term.weight,
    }))
  return [...terms('podAffinity', 1), ...terms('podAntiAffinity', -1)]
}

/** `key=value` of a topology to the weight that Pods there give it. */
type TopologyScores = ReadonlyMap<string, number>

/** Preferred affinity and anti-affinity, of this Pod and of the running ones. */
export const interPodAffinityScore: ScorePlugin<TopologyScores> = {
  name: 'InterPodAffinity',
  weight: 2,
  preScore: (pod, _feasible, snapshot) => {
    const own = preferred(pod, snapshot)
    const scores = new Map<string, number>()
    const add = (info: NodeInfo, key: string, weight: number): void => {
      const value = info.node?.metadata?.labels?.[key]
      if (value === undefined) return
      scores.set(`${key}=${value}`, (scores.get(`${key}=${value}`) ?? 0) + weight)
    }
    for (const info of snapshot.nodes) {
      if (own.length > 0) {
        for (const other of info.pods.values()) {
          for (const term of own) if (term.matches(other)) add(info, term.topologyKey, term.weight)
        }
      }
      if (info.podsWithAffinity.size === 0) continue
      for (const other of info.podsWithAffinity.values()) {
        for (const term of preferred(other, snapshot)) if (term.matches(pod)) add(info, term.topologyKey, term.weight)
        for (const term of required(other, 'podAffinity', snapshot)) {
          if (term.matches(pod)) add(info, term.topologyKey, 1) // upstream: hardPodAffinityWeight
        }
      }
    }
    return scores.size === 0 ? undefined : scores
  },
  score: (_pod, { node }, scores) =>
    Object.entries(node.metadata?.labels ?? {}).reduce(
      (sum, [key, value]) => sum + (scores.get(`${key}=${value}`) ?? 0),
      0,
    ),
  normalize: (scores) => {
    const highest = Math.max(...scores)
    const lowest = Math.min(...scores)
    for (const [index, score] of scores.entries()) {
      scores[index] = highest === lowest ? 0 : Math.floor((maxNodeScore * (score - lowest)) / (highest - lowest))
    }
  },
}
