/** What a Node's conditions become when its kubelet is silent, and which taints conditions mean. */
import { findCondition } from '../../api/meta/conditions.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Node, Taint } from '../../api/types.ts'

export const notReadyTaint = 'node.kubernetes.io/not-ready'
export const unreachableTaint = 'node.kubernetes.io/unreachable'

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number]

export const readyStatus = (node: Node): string => findCondition(node.status?.conditions, 'Ready')?.status ?? 'Unknown'

/** Conditions that only the kubelet can know: without it they are unknown. NetworkUnavailable is not among them. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** Conditions of a Node that has been silent for the grace period; the same list where they say so already. */
export const unknownConditions = (node: Node, nowMs: number): readonly NodeCondition[] => {
  const now = nowRfc3339(nowMs)
  const conditions = [...(node.status?.conditions ?? [])]
  let changed = false
  for (const type of kubeletConditions) {
    const index = conditions.findIndex((condition) => condition.type === type)
    const current = conditions[index]
    if (current === undefined) {
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata?.creationTimestamp ?? now,
        lastTransitionTime: now,
      })
    } else if (current.status !== 'Unknown') {
      conditions[index] = {
        ...current,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: now,
      }
    } else continue
    changed = true
  }
  return changed ? conditions : (node.status?.conditions ?? [])
}

const pressureTaints: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
}
const unschedulableTaint = 'node.kubernetes.io/unschedulable'

const managedNoSchedule = new Set([
  ...Object.values(pressureTaints),
  notReadyTaint,
  unreachableTaint,
  unschedulableTaint,
])

const noScheduleKeys = (node: Node): string[] => {
  const keys: string[] = []
  const ready = findCondition(node.status?.conditions, 'Ready')
  if (ready?.status === 'False') keys.push(notReadyTaint)
  if (ready?.status === 'Unknown') keys.push(unreachableTaint)
  for (const [type, key] of Object.entries(pressureTaints)) {
    if (findCondition(node.status?.conditions, type)?.status === 'True') keys.push(key)
  }
  if (node.spec?.unschedulable === true) keys.push(unschedulableTaint)
  return keys
}

/** What is to happen to the NoExecute taints, which drive Pods away: rate limits may forbid adding one now. */
export type EvictionTaint = 'add' | 'keep' | 'remove'

const noExecuteTaints = (node: Node, current: readonly Taint[], eviction: EvictionTaint, now: string): Taint[] => {
  const ours = current.filter(
    ({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint),
  )
  // A Node that has never said anything is starting, not failing.
  if (findCondition(node.status?.conditions, 'Ready') === undefined) return ours
  const ready = readyStatus(node)
  if (ready === 'True' || eviction === 'remove') return []
  const key = ready === 'False' ? notReadyTaint : unreachableTaint
  const existing = ours.find((taint) => taint.key === key)
  if (existing !== undefined) return [existing]
  // From not-ready to unreachable or back is no new eviction.
  return eviction === 'add' || ours.length > 0 ? [{ key, effect: 'NoExecute', timeAdded: now }] : []
}

/** All taints that the Node should have: foreign ones as they are, ours by its conditions. */
export const taintsOf = (node: Node, eviction: EvictionTaint, nowMs: number): Taint[] => {
  const now = nowRfc3339(nowMs)
  const current = node.spec?.taints ?? []
  const foreign = current.filter(({ key, effect }) => {
    if (effect === 'NoSchedule') return !managedNoSchedule.has(key)
    return effect !== 'NoExecute' || (key !== notReadyTaint && key !== unreachableTaint)
  })
  const noSchedule = noScheduleKeys(node).map(
    (key): Taint =>
      current.find((taint) => taint.key === key && taint.effect === 'NoSchedule') ?? {
        key,
        effect: 'NoSchedule',
        timeAdded: now,
      },
  )
  return [...foreign, ...noSchedule, ...noExecuteTaints(node, current, eviction, now)]
}

export const hasEvictionTaint = (node: Node): boolean =>
  (node.spec?.taints ?? []).some(
    ({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint),
  )

/** The same taints in any order; times do not count. */
export const sameTaints = (a: readonly Taint[], b: readonly Taint[]): boolean => {
  const text = (taints: readonly Taint[]): string =>
    taints
      .map(({ key, value, effect }) => `${key}=${value ?? ''}:${effect}`)
      .sort()
      .join(',')
  return text(a) === text(b)
}
