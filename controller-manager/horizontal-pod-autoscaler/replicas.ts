/**
 * From measured values to a recommended number of replicas. Pure.
 * Upstream: pkg/controller/podautoscaler/replica_calculator.go.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isPodReady } from '../../api/meta/pods.ts'
import { milliValue } from '../../api/meta/quantity.ts'
import type { Pod } from '../../api/types.ts'
import { isDeleting, nameOf, timeMs } from '../objects.ts'

/** One Pod's value, in thousandths, over the window before `atMs`. */
export interface PodMetric {
  readonly milli: number
  readonly atMs: number
  readonly windowMs: number
}
export type PodMetrics = ReadonlyMap<string, PodMetric>

/** How far a ratio may be from 1 without consequence. */
export interface Tolerances {
  readonly up: number
  readonly down: number
}

export interface Calculation {
  readonly tolerances: Tolerances
  /** Young Pods' CPU does not count for that long unless they are ready. */
  readonly cpuInitializationMs: number
  /** Pods that became unready that soon after their start never were ready. */
  readonly initialReadinessDelayMs: number
  readonly nowMs: number
}

const isWithin = ({ up, down }: Tolerances, ratio: number): boolean => 1 - down <= ratio && ratio <= 1 + up

interface Groups {
  /** Ready, and measured. */
  readonly ready: number
  readonly unready: ReadonlySet<string>
  readonly missing: ReadonlySet<string>
  readonly ignored: ReadonlySet<string>
}

const isUnreadyForCpu = (pod: Pod, { atMs, windowMs }: PodMetric, options: Calculation): boolean => {
  const ready = findCondition(pod.status?.conditions, 'Ready')
  const startMs = timeMs(pod.status?.startTime)
  const sinceMs = timeMs(ready?.lastTransitionTime)
  if (ready === undefined || startMs === undefined || sinceMs === undefined) return true
  const isFalse = ready.status === 'False'
  if (startMs + options.cpuInitializationMs > options.nowMs) return isFalse || atMs < sinceMs + windowMs
  return isFalse && startMs + options.initialReadinessDelayMs > sinceMs
}

const groupPods = (pods: readonly Pod[], metrics: PodMetrics, resource: string, options: Calculation): Groups => {
  let ready = 0
  const [unready, missing, ignored] = [new Set<string>(), new Set<string>(), new Set<string>()]
  for (const pod of pods) {
    const name = nameOf(pod)
    const metric = metrics.get(name)
    if (isDeleting(pod) || pod.status?.phase === 'Failed') ignored.add(name)
    else if (pod.status?.phase === 'Pending') unready.add(name)
    else if (metric === undefined) missing.add(name)
    else if (resource === 'cpu' && isUnreadyForCpu(pod, metric, options)) unready.add(name)
    else ready++
  }
  return { ready, unready, missing, ignored }
}

export interface Proposal {
  readonly replicas: number
  /** Average value of the Pods in thousandths, as status shows it. */
  readonly averageMilli: number
  /** Average use in percent of what was requested; undefined where nothing was. */
  readonly utilization?: number
}

interface Ratio {
  readonly ratio: number
  readonly averageMilli: number
  readonly utilization?: number
}

type RatioOf = (values: ReadonlyMap<string, number>) => Ratio

/**
 * The rule for values of Pods: those that say nothing are taken for whatever would change least, and a change of mind
 * by them means that nothing changes. `full` is what a silent Pod is taken to use when fewer are proposed.
 */
const proposalOf = (
  current: number,
  pods: readonly Pod[],
  metrics: PodMetrics,
  resource: string,
  options: Calculation,
  ratioOf: RatioOf,
  full: (pod: string) => number,
): Proposal => {
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count')
  const { ready, unready, missing, ignored } = groupPods(pods, metrics, resource, options)
  const values = new Map<string, number>()
  for (const [name, { milli }] of metrics) if (!unready.has(name) && !ignored.has(name)) values.set(name, milli)
  if (values.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)')
  const measured = ratioOf(values)
  const { ratio } = measured
  const stay = { ...measured, replicas: current }
  const growsWithUnready = unready.size > 0 && ratio > 1
  if (!growsWithUnready && missing.size === 0) {
    if (isWithin(options.tolerances, ratio)) return stay
    return { ...measured, replicas: Math.ceil(ratio * ready) }
  }
  if (ratio !== 1) for (const name of missing) values.set(name, ratio < 1 ? full(name) : 0)
  if (growsWithUnready) for (const name of unready) values.set(name, 0)
  const { ratio: cautious } = ratioOf(values)
  if (isWithin(options.tolerances, cautious) || (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1)) return stay
  const replicas = Math.ceil(cautious * values.size)
  if ((cautious < 1 && replicas > current) || (cautious > 1 && replicas < current)) return stay
  return { ...measured, replicas }
}

/** What a Pod requests of a resource in thousandths. Throws where it, or the container, requests nothing. */
const requestOf = (pod: Pod, resource: string, container: string | undefined): number => {
  const spec = pod.spec
  const podLevel = spec?.resources?.requests?.[resource]
  if (container === undefined && podLevel !== undefined) return milliValue(podLevel)
  const all = [
    ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
    ...(spec?.containers ?? []),
  ]
  const wanted = all.filter(({ name }) => container === undefined || container === name)
  return wanted.reduce((sum, { name, resources }) => {
    const request = resources?.requests?.[resource]
    if (request !== undefined) return sum + milliValue(request)
    throw new Error(`missing request for ${resource} in container ${name} of Pod ${nameOf(pod)}`)
  }, 0)
}

/** By utilization: percent of what Pods request. */
export const replicasByUtilization = (
  current: number,
  targetPercent: number,
  resource: string,
  container: string | undefined,
  pods: readonly Pod[],
  metrics: PodMetrics,
  options: Calculation,
): Proposal => {
  const requests = new Map<string, number>()
  if (pods.length > 0) for (const pod of pods) requests.set(nameOf(pod), requestOf(pod, resource, container))
  const ratioOf: RatioOf = (values) => {
    let [total, requested, entries] = [0, 0, 0]
    for (const [name, milli] of values) {
      const request = requests.get(name)
      // A Pod that went after it was measured.
      if (request === undefined) continue
      total += milli
      requested += request
      entries++
    }
    if (requested === 0) throw new Error('no metrics returned matched known pods')
    const utilization = Math.trunc((total * 100) / requested)
    return { ratio: utilization / targetPercent, utilization, averageMilli: Math.trunc(total / entries) }
  }
  const fallback = Math.max(100, targetPercent)
  return proposalOf(current, pods, metrics, resource, options, ratioOf, (name) =>
    Math.trunc(((requests.get(name) ?? 0) * fallback) / 100),
  )
}

/** By average value: of a resource, or of a metric of Pods (`resource` is '' then). */
export const replicasByAverage = (
  current: number,
  targetMilli: number,
  resource: string,
  pods: readonly Pod[],
  metrics: PodMetrics,
  options: Calculation,
): Proposal => {
  const ratioOf: RatioOf = (values) => {
    let total = 0
    for (const milli of values.values()) total += milli
    const averageMilli = Math.trunc(total / values.size)
    return { ratio: averageMilli / targetMilli, averageMilli }
  }
  return proposalOf(current, pods, metrics, resource, options, ratioOf, () => targetMilli)
}

/** By one value that all replicas together are to bring to the target. */
export const replicasByValue = (
  current: number,
  valueMilli: number,
  targetMilli: number,
  pods: readonly Pod[],
  { tolerances }: Calculation,
): number => {
  const ratio = valueMilli / targetMilli
  if (current === 0) return Math.ceil(ratio)
  if (isWithin(tolerances, ratio)) return current
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count')
  return Math.ceil(ratio * ready)
}

/** By one value that is divided among the replicas. */
export const replicasByShare = (
  statusReplicas: number,
  valueMilli: number,
  targetAverageMilli: number,
  { tolerances }: Calculation,
): { readonly replicas: number; readonly averageMilli: number } => {
  const ratio = valueMilli / (targetAverageMilli * statusReplicas)
  const replicas = isWithin(tolerances, ratio) ? statusReplicas : Math.ceil(valueMilli / targetAverageMilli)
  return { replicas, averageMilli: statusReplicas === 0 ? 0 : Math.ceil(valueMilli / statusReplicas) }
}
