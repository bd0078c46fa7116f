/** Whether the node can give a Pod what it asks for now. Pure. Upstream: podResizesAdmitHandler, sortPendingResizes. */
import { podRequests, qosClass } from '../../api/meta/pods.ts'
import { compareQuantities, milliValue, quantityValue, zeroQuantity } from '../../api/meta/quantity.ts'
import type { Node } from '../../api/types.ts'
import { type BoundPod, isStaticPod } from '../pod.ts'
import { shortageMessage, shortageOf } from '../sync/admission.ts'

/** `Infeasible`: this node never can; `Deferred`: not beside the Pods that are there now. */
export type Verdict =
  | { readonly type: 'granted' }
  | { readonly type: 'refused'; readonly reason: 'Infeasible' | 'Deferred'; readonly message: string }

const infeasible = (message: string): Verdict => ({ type: 'refused', reason: 'Infeasible', message })

/** `others` are the other Pods of the node, with what they were given. */
export const judgeResize = (pod: BoundPod, node: Node | undefined, others: readonly BoundPod[]): Verdict => {
  if (isStaticPod(pod)) return infeasible('In-place resize of static-pods is not supported')
  if (node === undefined) return { type: 'refused', reason: 'Deferred', message: 'The Node is not known yet' }
  const requests = podRequests(pod)
  const allocatable = node.status?.allocatable ?? {}
  const amounts = [
    {
      name: 'memory',
      wanted: quantityValue(requests['memory'] ?? '0'),
      has: quantityValue(allocatable['memory'] ?? '0'),
    },
    { name: 'cpu', wanted: milliValue(requests['cpu'] ?? '0'), has: milliValue(allocatable['cpu'] ?? '0') },
  ]
  for (const { name, wanted, has } of amounts) {
    if (wanted > has) {
      return infeasible(`Node didn't have enough capacity: ${name}, requested: ${wanted}, capacity: ${has}`)
    }
  }
  const shortage = shortageOf(pod, node, others)
  return shortage === undefined
    ? { type: 'granted' }
    : { type: 'refused', reason: 'Deferred', message: shortageMessage(shortage) }
}

/** A resize that waits. */
export interface Waiting {
  readonly pod: BoundPod
  /** The same Pod with what it was given. */
  readonly given: BoundPod
  /** When it began to wait, in milliseconds. */
  readonly since: number
}

const asksForMore = ({ pod, given }: Waiting): boolean => {
  const [next, before] = [podRequests(pod), podRequests(given)]
  return ['cpu', 'memory'].some(
    (name) => compareQuantities(next[name] ?? zeroQuantity, before[name] ?? zeroQuantity) > 0,
  )
}

/** Who is served first: who asks for no more, then by priority, Guaranteed before others, and who waits longest. */
export const byUrgency = (a: Waiting, b: Waiting): number =>
  Number(asksForMore(a)) - Number(asksForMore(b)) ||
  (b.pod.spec.priority ?? 0) - (a.pod.spec.priority ?? 0) ||
  Number(qosClass(b.pod) === 'Guaranteed') - Number(qosClass(a.pod) === 'Guaranteed') ||
  a.since - b.since
