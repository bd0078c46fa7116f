/** On which nodes a DaemonSet runs. Upstream: daemon.NodeShouldRunDaemonPod. */
import { podMatchesNode } from '../../api/core/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/core/tolerations.ts'
import type { DaemonSet, Node, Pod, PodTemplateSpec, Toleration } from '../../api/types.ts'
import { nameOf } from '../objects.ts'

const tolerate = (key: string, effect: string): Toleration => ({ key, operator: 'Exists', effect })

const daemonTolerations: readonly Toleration[] = [
  tolerate('node.kubernetes.io/not-ready', 'NoExecute'),
  tolerate('node.kubernetes.io/unreachable', 'NoExecute'),
  tolerate('node.kubernetes.io/disk-pressure', 'NoSchedule'),
  tolerate('node.kubernetes.io/memory-pressure', 'NoSchedule'),
  tolerate('node.kubernetes.io/pid-pressure', 'NoSchedule'),
  tolerate('node.kubernetes.io/unschedulable', 'NoSchedule'),
]

/** The template's tolerations and those that let daemons run on sick, cordoned and half-started nodes. */
export const tolerationsOf = (template: PodTemplateSpec): Toleration[] => {
  const own = template.spec?.tolerations ?? []
  const network = template.spec?.hostNetwork ? [tolerate('node.kubernetes.io/network-unavailable', 'NoSchedule')] : []
  const added = [...daemonTolerations, ...network].filter(
    (toleration) =>
      !own.some(
        (item) =>
          item.key === toleration.key && item.effect === toleration.effect && item.operator === toleration.operator,
      ),
  )
  return [...own, ...added]
}

export interface NodeFit {
  /** A Pod is to be made here. */
  readonly shouldRun: boolean
  /** A Pod that is here already may stay: a NoSchedule taint drives nobody away. */
  readonly mayStay: boolean
}

/** Whether the DaemonSet runs on the node, by node name, selector and affinity, and taints. */
export const fitOf = (daemonSet: DaemonSet, node: Node): NodeFit => {
  const template = daemonSet.spec?.template
  if (template === undefined) return { shouldRun: false, mayStay: false }
  const wantedNode = template.spec?.nodeName ?? ''
  if (wantedNode !== '' && wantedNode !== nameOf(node)) return { shouldRun: false, mayStay: false }
  const pod: Pod = {
    metadata: { ...template.metadata },
    ...(template.spec && { spec: { ...template.spec, nodeName: nameOf(node) } }),
  }
  if (!podMatchesNode(pod, node)) return { shouldRun: false, mayStay: false }
  const tolerations = tolerationsOf(template)
  const taints = node.spec?.taints ?? []
  if (findUntoleratedTaint(taints, tolerations, ['NoExecute']) !== undefined) {
    return { shouldRun: false, mayStay: false }
  }
  const blocked = findUntoleratedTaint(taints, tolerations, ['NoSchedule']) !== undefined
  return { shouldRun: !blocked, mayStay: true }
}
