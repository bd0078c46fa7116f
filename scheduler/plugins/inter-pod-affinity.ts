import { matcherFromLabelSelector, type Matcher } from '../../api/meta/labels.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { Snapshot } from '../framework/handle.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { maxNodeScore } from '../framework/scores.ts'
import { skip, unresolvable, unschedulable } from '../framework/status.ts'

type Affinity = NonNullable<NonNullable<Pod['spec']>['affinity']>
type AffinityTerm = NonNullable<
  NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number]

/** InterPodAffinityArgs. */
export interface InterPodAffinityArgs {
  /** What a running Pod's required affinity to the new one is worth; 1 by default. */
  readonly hardPodAffinityWeight?: number
  /** Pods without preferences of their own are not scored by those of others. */
  readonly ignorePreferredTermsOfExistingPods?: boolean
}

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

/** How many Pods count for a topology: by label key, then by its value. */
type TopologyCounts = Map<string, Map<string, number>>

interface State {
  readonly affinityTerms: readonly Term[]
  readonly antiAffinityTerms: readonly Term[]
  /** Pods that match all own affinity terms. */
  readonly affinity: TopologyCounts
  /** Pods that match an own anti-affinity term. */
  readonly antiAffinity: TopologyCounts
  /** Pods whose anti-affinity is against this Pod. */
  readonly existingAntiAffinity: TopologyCounts
}

const labelOf = (info: LiveNodeInfo, key: string): string | undefined => info.node.metadata?.labels?.[key]

const count = (counts: TopologyCounts, info: LiveNodeInfo, { key, by }: { key: string; by: number }): void => {
  const value = labelOf(info, key)
  if (value === undefined) return
  const values = counts.get(key) ?? new Map<string, number>()
  counts.set(key, values)
  const sum = (values.get(value) ?? 0) + by
  if (sum === 0) values.delete(value)
  else values.set(value, sum)
  if (values.size === 0) counts.delete(key)
}

const countAt = (counts: TopologyCounts, key: string, value: string): number => counts.get(key)?.get(value) ?? 0

/** Every Pod is affine to nothing; to some terms it must match all. */
const matchesAll = (terms: readonly Term[], pod: Pod): boolean =>
  terms.length > 0 && terms.every((term) => term.matches(pod))

const clone = (counts: TopologyCounts): TopologyCounts =>
  new Map([...counts].map(([key, values]) => [key, new Map(values)]))

const affinityUnmet = unresolvable("node(s) didn't match pod affinity rules")
const antiAffinityUnmet = unschedulable("node(s) didn't match pod anti-affinity rules")
const existingAntiAffinityUnmet = unschedulable("node(s) didn't satisfy existing pods anti-affinity rules")

const satisfiesAffinity = (state: State, pod: Pod, info: LiveNodeInfo): boolean => {
  let found = true
  for (const { topologyKey } of state.affinityTerms) {
    const value = labelOf(info, topologyKey)
    if (value === undefined) return false
    if (countAt(state.affinity, topologyKey, value) <= 0) found = false
  }
  // The first Pod of a group that has affinity to itself may go anywhere.
  return found || (state.affinity.size === 0 && matchesAll(state.affinityTerms, pod))
}

const satisfiesAntiAffinity = (state: State, info: LiveNodeInfo): boolean =>
  state.antiAffinityTerms.every(({ topologyKey }) => {
    const value = labelOf(info, topologyKey)
    return value === undefined || countAt(state.antiAffinity, topologyKey, value) <= 0
  })

const satisfiesExisting = (state: State, info: LiveNodeInfo): boolean => {
  for (const [key, values] of state.existingAntiAffinity) {
    const value = labelOf(info, key)
    if (value !== undefined && (values.get(value) ?? 0) > 0) return false
  }
  return true
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

/** The weight that Pods give a topology, by label key and value. */
type TopologyScores = TopologyCounts

/**
 * Terms of a Pod, compiled once for all Pods that have the same namespace, labels and affinity, such as those of one
 * template: Pods in the cache are asked in every cycle, and what holds for one of them holds for all.
 */
interface PodTerms {
  readonly affinity: readonly Term[]
  readonly antiAffinity: readonly Term[]
  readonly preferred: readonly WeightedTerm[]
}

type TermsOf = (pod: Pod) => PodTerms

/** Kinds of Pods that are told apart; beyond, all are forgotten and found anew. */
const maxKinds = 10_000

const createTermsOf = (snapshot: Snapshot): TermsOf => {
  const known = new WeakMap<Pod, PodTerms>()
  const byKind = new Map<string, PodTerms>()
  const compile = (pod: Pod): PodTerms => {
    const { namespace, labels } = pod.metadata ?? {}
    const kind = JSON.stringify([namespace, labels, pod.spec?.affinity])
    const terms = byKind.get(kind) ?? {
      affinity: required(pod, 'podAffinity', snapshot),
      antiAffinity: required(pod, 'podAntiAffinity', snapshot),
      preferred: preferred(pod, snapshot),
    }
    if (byKind.size >= maxKinds) byKind.clear()
    byKind.set(kind, terms)
    return terms
  }
  return (pod) => {
    const terms = known.get(pod)
    if (terms !== undefined) return terms
    const compiled = compile(pod)
    known.set(pod, compiled)
    return compiled
  }
}

/** What Pods of one kind mean to the Pod of this cycle. */
interface Relation {
  readonly matchesAffinity: boolean
  /** Own anti-affinity terms that they match. */
  readonly repelling: readonly Term[]
  /** Terms of theirs that the Pod matches. */
  readonly repelled: readonly Term[]
}

/** Found once for each kind of Pods in a cycle. */
const createRelationOf = (pod: Pod, state: State, termsOf: TermsOf): ((other: Pod) => Relation | undefined) => {
  const known = new Map<PodTerms, Relation | undefined>()
  const find = (other: Pod, terms: PodTerms): Relation | undefined => {
    const relation = {
      matchesAffinity: matchesAll(state.affinityTerms, other),
      repelling: state.antiAffinityTerms.filter((term) => term.matches(other)),
      repelled: terms.antiAffinity.filter((term) => term.matches(pod)),
    }
    const isNone = !relation.matchesAffinity && relation.repelling.length + relation.repelled.length === 0
    return isNone ? undefined : relation
  }
  return (other) => {
    const terms = termsOf(other)
    const relation = known.get(terms)
    if (relation !== undefined || known.has(terms)) return relation
    const found = find(other, terms)
    known.set(terms, found)
    return found
  }
}

const countRelation = (state: State, relation: Relation, { info, by }: { info: LiveNodeInfo; by: number }): void => {
  if (relation.matchesAffinity) {
    for (const { topologyKey: key } of state.affinityTerms) count(state.affinity, info, { key, by })
  }
  for (const { topologyKey: key } of relation.repelling) count(state.antiAffinity, info, { key, by })
  for (const { topologyKey: key } of relation.repelled) count(state.existingAntiAffinity, info, { key, by })
}

const scoreTopologies = (
  pod: Pod,
  snapshot: Snapshot,
  { termsOf, hardWeight }: { termsOf: TermsOf; hardWeight: number },
): TopologyScores => {
  const own = termsOf(pod).preferred
  const scores: TopologyScores = new Map()
  const add = (info: LiveNodeInfo, key: string, by: number): void => count(scores, info, { key, by })
  for (const info of own.length > 0 ? snapshot.nodes : snapshot.nodesWithPodAffinity) {
    if (own.length > 0) {
      for (const other of info.pods.values()) {
        for (const term of own) if (term.matches(other)) add(info, term.topologyKey, term.weight)
      }
    }
    for (const other of info.podsWithAffinity.values()) {
      const terms = termsOf(other)
      for (const term of terms.preferred) if (term.matches(pod)) add(info, term.topologyKey, term.weight)
      for (const term of hardWeight > 0 ? terms.affinity : []) {
        if (term.matches(pod)) add(info, term.topologyKey, hardWeight)
      }
    }
  }
  return scores
}

/** A Pod that runs came, went or changed: one that the waiting Pod is affine to, or that kept it away. */
const podHint =
  (termsOf: TermsOf): QueueingHint =>
  (pod, change) => {
    const { affinity, antiAffinity } = termsOf(pod)
    const attracts = (other: Pod | undefined): boolean => other !== undefined && matchesAll(affinity, other)
    const repels = (other: Pod | undefined): boolean =>
      other !== undefined &&
      (antiAffinity.some((term) => term.matches(other)) ||
        termsOf(other).antiAffinity.some((term) => term.matches(pod)))
    const [old, current] = [change.old as Pod | undefined, change.current as Pod | undefined]
    // When the last one of its group leaves, the Pod may begin a new one anywhere.
    const isFirst = attracts(old) && !attracts(current) && matchesAll(affinity, pod)
    const comes = !attracts(old) && attracts(current)
    return comes || isFirst || (repels(old) && !repels(current)) ? 'Queue' : 'Skip'
  }

/** A new node helps unless it is outside of what the Pod has affinity in; a new label may move any Pod's domain. */
const nodeHint =
  (termsOf: TermsOf): QueueingHint =>
  (pod, { old, current }) => {
    const labels = (current as Node).metadata?.labels
    const isInside = termsOf(pod).affinity.every(({ topologyKey }) => labels?.[topologyKey] !== undefined)
    return old !== undefined || isInside ? 'Queue' : 'Skip'
  }

/** Affinity and anti-affinity between Pods, in both directions: required ones filter, preferred ones score. */
export const interPodAffinity: PluginFactory = (args, { snapshot }): Plugin<State, TopologyScores> => {
  const { hardPodAffinityWeight: hardWeight = 1, ignorePreferredTermsOfExistingPods: ignoresOthers = false } = (args ??
    {}) as InterPodAffinityArgs
  const termsOf = createTermsOf(snapshot)
  const update = (
    state: State,
    pod: Pod,
    { other, info, by }: { other: Pod; info: LiveNodeInfo; by: number },
  ): void => {
    const relation = createRelationOf(pod, state, termsOf)(other)
    if (relation !== undefined) countRelation(state, relation, { info, by })
  }
  return {
    name: 'InterPodAffinity',
    eventsToRegister: [
      { resource: 'AssignedPod', actions: ['Add', 'Delete', 'UpdatePodLabel'], hint: podHint(termsOf) },
      { resource: 'TargetPod', actions: ['UpdatePodLabel'] },
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'], hint: nodeHint(termsOf) },
    ],
    preFilter: (pod) => {
      const terms = termsOf(pod)
      const state: State = {
        affinityTerms: terms.affinity,
        antiAffinityTerms: terms.antiAffinity,
        affinity: new Map(),
        antiAffinity: new Map(),
        existingAntiAffinity: new Map(),
      }
      const ownTerms = state.affinityTerms.length + state.antiAffinityTerms.length
      const relationOf = createRelationOf(pod, state, termsOf)
      // Without terms of its own, the Pod has only those to fear that repel others.
      for (const info of ownTerms > 0 ? snapshot.nodes : snapshot.nodesWithPodAntiAffinity) {
        const at = { info, by: 1 }
        for (const other of (ownTerms > 0 ? info.pods : info.podsWithRequiredAntiAffinity).values()) {
          const relation = relationOf(other)
          if (relation !== undefined) countRelation(state, relation, at)
        }
      }
      return ownTerms === 0 && state.existingAntiAffinity.size === 0 ? skip : { code: 'Success', state }
    },
    cloneState: (state) => ({
      ...state,
      affinity: clone(state.affinity),
      antiAffinity: clone(state.antiAffinity),
      existingAntiAffinity: clone(state.existingAntiAffinity),
    }),
    addPod: (state, pod, added, info) => update(state, pod, { other: added, info, by: 1 }),
    removePod: (state, pod, removed, info) => update(state, pod, { other: removed, info, by: -1 }),
    filter: (pod, info, state) => {
      if (!satisfiesAffinity(state, pod, info)) return affinityUnmet
      if (!satisfiesAntiAffinity(state, info)) return antiAffinityUnmet
      return satisfiesExisting(state, info) ? undefined : existingAntiAffinityUnmet
    },
    preScore: (pod) => {
      if (ignoresOthers && termsOf(pod).preferred.length === 0) return undefined
      const scores = scoreTopologies(pod, snapshot, { termsOf, hardWeight })
      return scores.size === 0 ? undefined : scores
    },
    score: (_pod, info, scores) => {
      let sum = 0
      for (const [key, values] of scores) {
        const value = labelOf(info, key)
        if (value !== undefined) sum += values.get(value) ?? 0
      }
      return sum
    },
    normalizeScores: (scores) => {
      let highest = -Infinity
      let lowest = Infinity
      for (const score of scores) {
        if (score > highest) highest = score
        if (score < lowest) lowest = score
      }
      for (const [index, score] of scores.entries()) {
        scores[index] = highest === lowest ? 0 : Math.floor(maxNodeScore * ((score - lowest) / (highest - lowest)))
      }
    },
  }
}
