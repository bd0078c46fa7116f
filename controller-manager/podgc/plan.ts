/** Pods that nobody else would remove. Upstream: pkg/controller/podgc. */
import { isPodTerminal } from '../../api/meta/pods.ts'
import { findCondition } from '../../api/meta/conditions.ts'
import type { Node, Pod } from '../../api/types.ts'
import { byCreation, isDeleting } from '../objects.ts'

const outOfServiceTaint = 'node.kubernetes.io/out-of-service'

export interface PodGcPlan {
  /** Ended Pods beyond the threshold: those that a kubelet evicted first, then the oldest. */
  readonly terminated: readonly Pod[]
  /** Being deleted, and never had a Node whose kubelet would finish it. */
  readonly unscheduled: readonly Pod[]
  /** Being deleted on a Node that an administrator has declared dead. */
  readonly outOfService: readonly Pod[]
  /** On Nodes that do not exist; they wait out a quarantine first. */
  readonly orphaned: readonly Pod[]
}

const isEvicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted'

const isOutOfService = (node: Node): boolean =>
  findCondition(node.status?.conditions, 'Ready')?.status !== 'True' &&
  (node.spec?.taints ?? []).some(({ key }) => key === outOfServiceTaint)

const byEvictionAndAge = (a: Pod, b: Pod): number => Number(isEvicted(b)) - Number(isEvicted(a)) || byCreation(a, b)

export const planPodGc = (pods: readonly Pod[], nodes: ReadonlyMap<string, Node>, threshold: number): PodGcPlan => {
  const ended = pods.filter((pod) => isPodTerminal(pod) && !isDeleting(pod))
  const excess = threshold > 0 ? ended.length - threshold : 0
  const nodeOf = (pod: Pod): string => pod.spec?.nodeName ?? ''
  return {
    terminated: excess > 0 ? ended.toSorted(byEvictionAndAge).slice(0, excess) : [],
    unscheduled: pods.filter((pod) => isDeleting(pod) && nodeOf(pod) === ''),
    outOfService: pods.filter((pod) => {
      const node = nodes.get(nodeOf(pod))
      return isDeleting(pod) && node !== undefined && isOutOfService(node)
    }),
    orphaned: pods.filter((pod) => nodeOf(pod) !== '' && !nodes.has(nodeOf(pod))),
  }
}
