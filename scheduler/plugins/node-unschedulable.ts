import { tolerationToleratesTaint } from '../../api/core/tolerations.ts'
import type { Node } from '../../api/types.ts'
import type { PluginFactory } from '../framework/plugin.ts'
import { unresolvable } from '../framework/status.ts'

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

const cordoned = unresolvable('node(s) were unschedulable')

/** A cordoned node takes only Pods that tolerate it. */
export const nodeUnschedulable: PluginFactory = () => ({
  name: 'NodeUnschedulable',
  eventsToRegister: [
    {
      resource: 'Node',
      actions: ['Add', 'UpdateNodeTaint'],
      hint: (_pod, { old, current }) => {
        const wasOpen = old !== undefined && (old as Node).spec?.unschedulable !== true
        return !wasOpen && (current as Node).spec?.unschedulable !== true ? 'Queue' : 'Skip'
      },
    },
    { resource: 'TargetPod', actions: ['UpdatePodToleration'] },
  ],
  filter: (pod, { node }) =>
    node.spec?.unschedulable !== true ||
    pod.spec?.tolerations?.some((toleration) => tolerationToleratesTaint(toleration, unschedulableTaint))
      ? undefined
      : cordoned,
})
