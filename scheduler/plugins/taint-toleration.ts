import { findUntoleratedTaint, tolerationToleratesTaint } from '../../api/core/tolerations.ts'
import type { Toleration } from '../../api/types.ts'
import { defaultNormalize, type FilterPlugin, fits, type ScorePlugin } from '../framework/plugin.ts'

/** Upstream prints a taint as `{key: value}`. */
const shown = (taint: { readonly key: string; readonly value?: string }): string =>
  `{${taint.key}: ${taint.value ?? ''}}`

const repelling = ['NoSchedule', 'NoExecute']

/** NoSchedule and NoExecute taints keep off the Pods that do not tolerate them. */
export const taintToleration: FilterPlugin = {
  name: 'TaintToleration',
  events: ['Node/Add', 'Node/Update'],
  filter: (pod, { node }) => {
    const taints = node.spec?.taints
    if (taints === undefined || taints.length === 0) return fits
    const taint = findUntoleratedTaint(taints, pod.spec?.tolerations, repelling)
    return taint === undefined
      ? fits
      : { type: 'unresolvable', reasons: [`node(s) had untolerated taint(s) ${shown(taint)}`] }
  },
}

/** PreferNoSchedule taints count against a node. */
export const taintTolerationScore: ScorePlugin<readonly Toleration[]> = {
  name: 'TaintToleration',
  weight: 3,
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
  normalize: (scores) => defaultNormalize(scores, true),
}
