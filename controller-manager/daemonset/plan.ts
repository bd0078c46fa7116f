/** Which daemon Pods to make and to delete, node by node. Upstream: pkg/controller/daemon. */
import type { DaemonSet, Node, Pod } from '../../api/types.ts'
import { isPodAvailable, isPodReady } from '../../api/meta/pods.ts'
import { scaledValue } from '../int-or-percent.ts'
import { byCreation, isDeleting, labelsOf, nameOf } from '../objects.ts'
import { fitOf, type NodeFit } from './nodes.ts'
import { revisionHashLabel, targetNodeOf } from './pod.ts'

/** One sync makes and deletes at most so many Pods each. */
const burstReplicas = 250

export interface DaemonInput {
  readonly daemonSet: DaemonSet
  readonly nodes: readonly Node[]
  readonly pods: readonly Pod[]
  /** Hash of the current ControllerRevision. */
  readonly hash: string
  readonly nowMs: number
}

export interface DaemonPlan {
  /** Names of nodes that get a Pod. */
  readonly create: readonly string[]
  readonly delete: readonly Pod[]
  /** Ended Pods: to be deleted with an event that says so, under back-off. */
  readonly ended: readonly Pod[]
}

export const podsByNode = (pods: readonly Pod[]): Map<string, Pod[]> => {
  const result = new Map<string, Pod[]>()
  for (const pod of pods) {
    const node = targetNodeOf(pod)
    result.set(node, [...(result.get(node) ?? []), pod])
  }
  return result
}

const isUpdated = (pod: Pod, hash: string): boolean => labelsOf(pod)[revisionHashLabel] === hash

const minReady = (daemonSet: DaemonSet): number => daemonSet.spec?.minReadySeconds ?? 0

const isEnded = (pod: Pod): boolean => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'

/** How many nodes may be without an available Pod, and with a second one, while the set is updated. */
export const updateLimits = (daemonSet: DaemonSet, desired: number): { unavailable: number; surge: number } => {
  if (daemonSet.spec?.updateStrategy?.type === 'OnDelete') return { unavailable: 0, surge: 0 }
  const rolling = daemonSet.spec?.updateStrategy?.rollingUpdate
  const surge = scaledValue(rolling?.maxSurge ?? 0, desired, 'up')
  const unavailable = scaledValue(rolling?.maxUnavailable ?? 1, desired, 'up')
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

interface NodePlan {
  create: boolean
  delete: Pod[]
  ended: Pod[]
}

/** Of several live Pods on one node keeps the oldest; with surge, also the newest of the current revision. */
const surplus = (live: Pod[], input: DaemonInput, surge: number): Pod[] => {
  if (live.length <= 1) return []
  const sorted = [...live].sort(byCreation)
  if (surge === 0) return sorted.slice(1)
  const updated = sorted.filter((pod) => isUpdated(pod, input.hash))
  const old = sorted.filter((pod) => !isUpdated(pod, input.hash))
  const replaced = updated.some((pod) => isPodAvailable(pod, minReady(input.daemonSet), input.nowMs))
  return [...updated.slice(1), ...(replaced ? old : old.slice(1))]
}

const planNode = (fit: NodeFit, pods: readonly Pod[], input: DaemonInput, surge: number): NodePlan => {
  const plan: NodePlan = { create: false, delete: [], ended: [] }
  if (fit.shouldRun && pods.length === 0) plan.create = true
  else if (fit.mayStay) {
    const staying = pods.filter((pod) => !isDeleting(pod))
    plan.ended = staying.filter(isEnded)
    const live = staying.filter((pod) => !isEnded(pod))
    plan.delete = surplus(live, input, surge)
    // With surge a node whose only Pod is on its way out gets the next one at once.
    if (fit.shouldRun && surge > 0 && staying.length === 0) plan.create = true
  } else plan.delete = pods.filter((pod) => !isDeleting(pod))
  return plan
}

/** The Pods that the fit of nodes asks for; rolling updates are planned apart. */
export const planDaemonPods = (input: DaemonInput): DaemonPlan => {
  const byNode = podsByNode(input.pods)
  const fits = new Map(input.nodes.map((node) => [nameOf(node), fitOf(input.daemonSet, node)]))
  const desired = [...fits.values()].filter(({ shouldRun }) => shouldRun).length
  const { surge } = updateLimits(input.daemonSet, desired)
  const create: string[] = []
  const toDelete: Pod[] = []
  const ended: Pod[] = []
  for (const [name, fit] of fits) {
    const plan = planNode(fit, byNode.get(name) ?? [], input, surge)
    if (plan.create) create.push(name)
    toDelete.push(...plan.delete)
    ended.push(...plan.ended)
  }
  // Not scheduled yet, and for a node that is gone: nothing else would ever remove these.
  for (const [name, pods] of byNode) {
    if (fits.has(name)) continue
    toDelete.push(...pods.filter((pod) => (pod.spec?.nodeName ?? '') === '' && !isDeleting(pod)))
  }
  return { create: create.slice(0, burstReplicas), delete: toDelete.slice(0, burstReplicas), ended }
}

/** The next steps of a rolling update: old Pods to delete, nodes that get a second Pod. */
export const planRollingUpdate = (input: DaemonInput): { create: string[]; delete: Pod[] } => {
  const { daemonSet, hash, nowMs } = input
  if (daemonSet.spec?.updateStrategy?.type === 'OnDelete') return { create: [], delete: [] }
  const byNode = podsByNode(input.pods)
  const running = input.nodes.filter((node) => fitOf(daemonSet, node).shouldRun)
  const limits = updateLimits(daemonSet, running.length)
  const available = (pod: Pod): boolean => !isDeleting(pod) && isPodAvailable(pod, minReady(daemonSet), nowMs)
  let unavailable = 0
  let surging = 0
  const unhealthy: Pod[] = []
  const healthy: Pod[] = []
  const surgeable: string[] = []
  const idle: string[] = []
  const replaced: Pod[] = []
  for (const node of running) {
    const pods = (byNode.get(nameOf(node)) ?? []).filter((pod) => !isEnded(pod))
    const updated = pods.find((pod) => !isDeleting(pod) && isUpdated(pod, hash))
    const old = pods.find((pod) => !isDeleting(pod) && !isUpdated(pod, hash))
    if (limits.surge > 0) {
      if (old !== undefined && updated !== undefined) {
        if (available(updated)) replaced.push(old)
        else surging += 1
      } else if (old !== undefined) {
        if (available(old)) surgeable.push(nameOf(node))
        else idle.push(nameOf(node))
      }
    } else if (old !== undefined && updated === undefined) {
      if (available(old)) healthy.push(old)
      else {
        unhealthy.push(old)
        unavailable += 1
      }
    } else if (updated === undefined || old !== undefined || !available(updated)) unavailable += 1
  }
  if (limits.surge > 0) {
    // An old Pod that serves nobody needs no overlap: its node gets the new one at once, within no limit.
    const room = Math.max(0, limits.surge - surging)
    return { create: [...idle, ...surgeable.slice(0, room)], delete: replaced }
  }
  const room = Math.max(0, limits.unavailable - unavailable)
  return { create: [], delete: [...unhealthy, ...healthy.slice(0, room)] }
}

export type DaemonSetStatus = NonNullable<DaemonSet['status']>

/** The counts that `kubectl get daemonsets` shows. */
export const planDaemonStatus = (input: DaemonInput): DaemonSetStatus => {
  const { daemonSet, hash, nowMs } = input
  const byNode = podsByNode(input.pods)
  let desired = 0
  let current = 0
  let misscheduled = 0
  let ready = 0
  let updated = 0
  let available = 0
  for (const node of input.nodes) {
    const { shouldRun } = fitOf(daemonSet, node)
    const pods = byNode.get(nameOf(node)) ?? []
    if (!shouldRun) {
      if (pods.length > 0) misscheduled += 1
      continue
    }
    desired += 1
    const [oldest] = [...pods].sort(byCreation)
    if (oldest === undefined) continue
    current += 1
    if (pods.some(isPodReady)) ready += 1
    if (pods.some((pod) => isPodAvailable(pod, minReady(daemonSet), nowMs))) available += 1
    if (pods.some((pod) => isUpdated(pod, hash))) updated += 1
  }
  return {
    ...daemonSet.status,
    desiredNumberScheduled: desired,
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    numberReady: ready,
    observedGeneration: daemonSet.metadata?.generation ?? 0,
    updatedNumberScheduled: updated,
    numberAvailable: available,
    numberUnavailable: desired - available,
  }
}
