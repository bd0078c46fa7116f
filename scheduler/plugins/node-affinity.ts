import { matchesNodeSelectorTerms, podMatchesNode } from '../../api/core/node-affinity.ts'
import { defaultNormalize, type FilterPlugin, fits, type ScorePlugin } from '../framework/plugin.ts'

/** nodeSelector and required node affinity. */
export const nodeAffinity: FilterPlugin = {
  name: 'NodeAffinity',
  events: ['Node/Add', 'Node/Update'],
  filter: (pod, { node }) =>
    podMatchesNode(pod, node)
      ? fits
      : { type: 'unresolvable', reasons: ["node(s) didn't match Pod's node affinity/selector"] },
}

/** Preferred node affinity: the sum of the weights of the terms that match. */
export const nodeAffinityScore: ScorePlugin = {
  name: 'NodeAffinity',
  weight: 2,
  preScore: (pod) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
    return preferred === undefined || preferred.length === 0 ? undefined : true
  },
  score: (pod, { node }) =>
    (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      .filter((term) => matchesNodeSelectorTerms([term.preference], node))
      .reduce((sum, term) => sum + term.weight, 0),
  normalize: (scores) => defaultNormalize(scores, false),
}
