/** Which nodes a Pod may go to: nodeSelector and required node affinity. Upstream: component-helpers/.../nodeaffinity. */
import { matchesSet } from '../meta/labels.ts'
import type { Node, Pod, PodSpec } from '../types.ts'

type NodeAffinity = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>
export type NodeSelector = NonNullable<NodeAffinity['requiredDuringSchedulingIgnoredDuringExecution']>
export type NodeSelectorTerm = NodeSelector['nodeSelectorTerms'][number]
export type NodeSelectorRequirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number]

const integer = (text: string | undefined): bigint | undefined =>
  text !== undefined && /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined

/** One requirement against the value of its label or field; undefined where the node does not have it. */
export const matchesNodeRequirement = (requirement: NodeSelectorRequirement, actual: string | undefined): boolean => {
  const values = requirement.values ?? []
  switch (requirement.operator) {
    case 'In':
      return actual !== undefined && values.includes(actual)
    case 'NotIn':
      return actual === undefined || !values.includes(actual)
    case 'Exists':
      return actual !== undefined
    case 'DoesNotExist':
      return actual === undefined
    case 'Gt':
    case 'Lt': {
      const have = integer(actual)
      const bound = integer(values[0])
      if (have === undefined || bound === undefined) return false
      return requirement.operator === 'Gt' ? have > bound : have < bound
    }
    default:
      return false
  }
}

const labelOf = (node: Node, name: string): string | undefined => {
  const labels = node.metadata?.labels
  return labels !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined
}

/** One term: all its expressions and fields hold. A term without any matches no node. */
export const matchesNodeSelectorTerm = (term: NodeSelectorTerm, node: Node): boolean => {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length === 0 && fields.length === 0) return false
  return (
    expressions.every((requirement) => matchesNodeRequirement(requirement, labelOf(node, requirement.key))) &&
    fields.every(
      (requirement) =>
        requirement.key === 'metadata.name' && matchesNodeRequirement(requirement, node.metadata?.name ?? ''),
    )
  )
}

/** Any of the terms holds; no terms match no node. */
export const matchesNodeSelectorTerms = (terms: readonly NodeSelectorTerm[] | undefined, node: Node): boolean =>
  (terms ?? []).some((term) => matchesNodeSelectorTerm(term, node))

/** A core/v1 NodeSelector, as in PersistentVolumes; undefined selects every node. */
export const matchesNodeSelector = (selector: NodeSelector | undefined, node: Node): boolean =>
  selector === undefined || matchesNodeSelectorTerms(selector.nodeSelectorTerms, node)

/** nodeSelector and the required node affinity of a Pod both admit the node. */
export const podMatchesNode = (pod: Pod, node: Node): boolean => {
  const spec = pod.spec
  if (spec === undefined) return true
  if (!matchesSet(spec.nodeSelector, node.metadata?.labels)) return false
  return matchesNodeSelector(spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution, node)
}
