import { findUntoleratedTaint, tolerationToleratesTaint } from '../../api/core/tolerations.ts'
import type { Toleration } from '../../api/types.ts'
import { defaultNormalize, type FilterPlugin, fits, type ScorePlugin } from '../framework/plugin.ts'

/** Upstream prints a taint as `{key: value}`. */
const shown = (taint: { readonly key: string; readonly value?: string }): string =>
  `{${taint.key}: ${taint.value ?? ''}}`

/** NoSchedule and NoExecute taints keep off the Pods that do not tolerate them. */
export const taintToleration: FilterPlugin = {
  name: 'TaintToleration',
  events: ['Node/Add', 'Node/Update'],
  filter: (pod, { node }) => {
    const taint = findUntoleratedTaint(node.spec?.taints ?? [], pod.spec?.tolerations ?? [], [
      'NoSchedule',
      'NoExecute',
    ])
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
  score: (_pod, { node }, tolerations) =>
    (node.spec?.taints ?? []).filter(
      (taint) =>
        taint.effect === 'PreferNoSchedule' &&
        !tolerations.some((toleration) => tolerationToleratesTaint(toleration, taint)),
    ).length,
  normalize: (scores) => defaultNormalize(scores, true),
}
