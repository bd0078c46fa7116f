import { findUntoleratedTaint, tolerationToleratesTaint } from '../../api/core/tolerations.ts'
import type { Node, Pod, Toleration } from '../../api/types.ts'
import type { Plugin } from '../framework/plugin.ts'
import { defaultNormalize } from '../framework/scores.ts'
import { unresolvable } from '../framework/status.ts'

/** Without the taint: messages of big clusters must be countable. */
const untolerated = unresolvable('node(s) had untolerated taint(s)')

const repelling = ['NoSchedule', 'NoExecute']

const repellingTaint = (pod: Pod, { spec }: Node) =>
  findUntoleratedTaint(spec?.taints, pod.spec?.tolerations, repelling)

/** NoSchedule and NoExecute taints keep off the Pods that do not tolerate them; PreferNoSchedule taints count against a node. */
export const taintToleration = (): Plugin<undefined, readonly Toleration[]> => ({
  name: 'TaintToleration',
  eventsToRegister: [
    {
      resource: 'Node',
      actions: ['Add', 'UpdateNodeTaint'],
      hint: (pod, { old, current }) => {
        const wasOpen = old !== undefined && repellingTaint(pod, old as Node) === undefined
        return !wasOpen && repellingTaint(pod, current as Node) === undefined ? 'Queue' : 'Skip'
      },
    },
    { resource: 'TargetPod', actions: ['UpdatePodToleration'] },
  ],
  filter: (pod, { node }) => (repellingTaint(pod, node) === undefined ? undefined : untolerated),
  preScore: (pod) => (pod.spec?.tolerations ?? []).filter(({ effect }) => !effect || effect === 'PreferNoSchedule'),
  score: (_pod, { node }, tolerations) => {
    const taints = node.spec?.taints
    if (taints === undefined || taints.length === 0) return 0
    return taints.filter(
      (taint) =>
        taint.effect === 'PreferNoSchedule' &&
        !tolerations.some((toleration) => tolerationToleratesTaint(toleration, taint)),
    ).length
  },
  normalizeScores: (scores) => defaultNormalize(scores, true),
})
