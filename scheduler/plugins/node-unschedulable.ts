import { tolerationToleratesTaint } from '../../api/core/tolerations.ts'
import { type FilterPlugin, fits } from '../framework/plugin.ts'

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

/** A cordoned node takes only Pods that tolerate it. */
export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  events: ['Node/Add', 'Node/Update'],
  filter: (pod, { node }) =>
    node.spec?.unschedulable !== true ||
    pod.spec?.tolerations?.some((toleration) => tolerationToleratesTaint(toleration, unschedulableTaint))
      ? fits
      : { type: 'unresolvable', reasons: ['node(s) were unschedulable'] },
}
