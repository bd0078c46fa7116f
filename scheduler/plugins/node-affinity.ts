import { matchesNodeSelectorTerms, podMatchesNode } from '../../api/core/node-affinity.ts'
import type { PluginFactory } from '../framework/plugin.ts'
import { defaultNormalize } from '../framework/scores.ts'
import { unresolvable } from '../framework/status.ts'

const noMatch = unresolvable("node(s) didn't match Pod's node affinity/selector")

/** nodeSelector and required node affinity; preferred affinity scores the sum of the weights of the terms that match. */
export const nodeAffinity: PluginFactory = () => ({
  name: 'NodeAffinity',
  eventsToRegister: [
    {
      resource: 'Node',
      actions: ['Add', 'UpdateNodeLabel'],
      hint: (pod, { current }) => (current !== undefined && podMatchesNode(pod, current) ? 'Queue' : 'Skip'),
    },
  ],
  filter: (pod, { node }) => (podMatchesNode(pod, node) ? undefined : noMatch),
  preScore: (pod) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
    return preferred === undefined || preferred.length === 0 ? undefined : true
  },
  score: (pod, { node }) =>
    (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      .filter((term) => matchesNodeSelectorTerms([term.preference], node))
      .reduce((sum, term) => sum + term.weight, 0),
  normalizeScores: (scores) => defaultNormalize(scores, false),
})
