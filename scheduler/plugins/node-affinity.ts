import {
  matchesNodeSelector,
  matchesNodeSelectorTerms,
  type NodeSelector,
  type NodeSelectorTerm,
  podMatchesNode,
} from '../../api/core/node-affinity.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { defaultNormalize } from '../framework/scores.ts'
import { skip, unresolvable } from '../framework/status.ts'

interface PreferredTerm {
  readonly weight: number
  readonly preference: NodeSelectorTerm
}

/** NodeAffinityArgs. */
export interface NodeAffinityArgs {
  /** What the administrator demands of nodes besides, for all Pods of the profile. */
  readonly addedAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector
    readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly PreferredTerm[]
  }
}

const noMatch = unresolvable("node(s) didn't match Pod's node affinity/selector")
const notEnforced = unresolvable("node(s) didn't match scheduler-enforced node affinity")
const conflict = unresolvable('pod affinity terms conflict')

const affinityOf = (pod: Pod) => pod.spec?.affinity?.nodeAffinity
const requiredOf = (pod: Pod): NodeSelector | undefined =>
  affinityOf(pod)?.requiredDuringSchedulingIgnoredDuringExecution

/** The nodes that one term names, all of its fields together; undefined: any. */
const namesInTerm = ({ matchFields = [] }: NodeSelectorTerm): ReadonlySet<string> | undefined => {
  let names: ReadonlySet<string> | undefined
  for (const { key, operator, values = [] } of matchFields) {
    if (key !== 'metadata.name' || operator !== 'In') continue
    names = names === undefined ? new Set(values) : names.intersection(new Set(values))
  }
  return names
}

/** The nodes that come into question because every term names some: how a DaemonSet's Pods find theirs at once. */
export const nodeNamesOf = (terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined => {
  if (terms.length === 0) return undefined
  const all = new Set<string>()
  for (const term of terms) {
    const names = namesInTerm(term)
    if (names === undefined) return undefined
    for (const name of names) all.add(name)
  }
  return all
}

/** nodeSelector and required node affinity; preferred affinity scores the sum of the weights of the terms that match. */
export const nodeAffinity: PluginFactory = (args): Plugin<undefined, readonly PreferredTerm[]> => {
  const { addedAffinity = {} } = (args ?? {}) as NodeAffinityArgs
  const added = addedAffinity.requiredDuringSchedulingIgnoredDuringExecution
  const addedPreferred = addedAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const admits = (pod: Pod, node: Node): boolean => matchesNodeSelector(added, node) && podMatchesNode(pod, node)
  return {
    name: 'NodeAffinity',
    eventsToRegister: [
      {
        resource: 'Node',
        actions: ['Add', 'UpdateNodeLabel'],
        hint: (pod, { old, current }) =>
          admits(pod, current as Node) && (old === undefined || !admits(pod, old as Node)) ? 'Queue' : 'Skip',
      },
    ],
    preFilter: (pod) => {
      const required = requiredOf(pod)
      if (required === undefined && added === undefined && pod.spec?.nodeSelector === undefined) return skip
      const nodeNames = nodeNamesOf(required?.nodeSelectorTerms ?? [])
      if (nodeNames === undefined) return { code: 'Success', state: undefined }
      return nodeNames.size === 0 ? conflict : { code: 'Success', state: undefined, nodeNames }
    },
    filter: (pod, { node }) => {
      if (!matchesNodeSelector(added, node)) return notEnforced
      return podMatchesNode(pod, node) ? undefined : noMatch
    },
    preScore: (pod) => {
      const own = affinityOf(pod)?.preferredDuringSchedulingIgnoredDuringExecution ?? []
      const terms = [...addedPreferred, ...own]
      return terms.length === 0 ? undefined : terms
    },
    score: (_pod, { node }, terms) => {
      let sum = 0
      for (const { weight, preference } of terms) if (matchesNodeSelectorTerms([preference], node)) sum += weight
      return sum
    },
    normalizeScores: (scores) => defaultNormalize(scores, false),
  }
}
