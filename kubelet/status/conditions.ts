/** Pod conditions that the kubelet owns. Upstream: pkg/kubelet/status/generate.go. */
import type { Container, ContainerStatus, PodStatus } from '../../api/types.ts'
import type { ResizeState } from '../allocation/allocator.ts'
import type { BoundPod } from '../pod.ts'
import type { PodPhase } from './phase.ts'

export type PodCondition = NonNullable<PodStatus['conditions']>[number]

/** These are there only while they are true. */
export const resizeConditionTypes: ReadonlySet<string> = new Set(['PodResizePending', 'PodResizeInProgress'])

/** Every other type belongs to someone else and is kept. */
export const kubeletConditions: ReadonlySet<string> = new Set([
  'PodScheduled',
  'PodReadyToStartContainers',
  'Initialized',
  'ContainersReady',
  'Ready',
  ...resizeConditionTypes,
])

/** The generation is set where it is not that of the whole status. */
type Bare = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message' | 'observedGeneration'>

const list = (names: readonly string[]): string => `[${names.join(' ')}]`

const incomplete = (
  type: string,
  reason: string,
  unknown: readonly string[],
  bad: string,
  names: readonly string[],
): Bare => {
  const parts: string[] = []
  if (unknown.length > 0) parts.push(`containers with unknown status: ${list(unknown)}`)
  if (names.length > 0) parts.push(`containers with ${bad} status: ${list(names)}`)
  return { type, status: 'False', reason, message: parts.join(', ') }
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

const byName = (statuses: readonly ContainerStatus[]): Map<string, ContainerStatus> =>
  new Map(statuses.map((status) => [status.name, status]))

const hasStarted = ({ state, lastState }: ContainerStatus): boolean =>
  state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined

export const initializedCondition = (pod: BoundPod, statuses: readonly ContainerStatus[], phase: PodPhase): Bare => {
  const type = 'Initialized'
  const found = byName(statuses)
  const inits = pod.spec.initContainers ?? []
  const unknown = inits.filter(({ name }) => !found.has(name)).map(({ name }) => name)
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'True', reason: 'PodCompleted' }
  const regularStarted = pod.spec.containers.some(({ name }) => {
    const status = found.get(name)
    return status !== undefined && hasStarted(status)
  })
  if (regularStarted) return { type, status: 'True' }
  const waiting = inits
    .filter((container) => {
      const status = found.get(container.name)
      return status !== undefined && (isSidecar(container) ? status.started !== true : !status.ready)
    })
    .map(({ name }) => name)
  if (unknown.length === 0 && waiting.length === 0) return { type, status: 'True' }
  return incomplete(type, 'ContainersNotInitialized', unknown, 'incomplete', waiting)
}

export const containersReadyCondition = (
  pod: BoundPod,
  statuses: readonly ContainerStatus[],
  phase: PodPhase,
): Bare => {
  const type = 'ContainersReady'
  const found = byName(statuses)
  const watched = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers]
  const unknown = watched.filter(({ name }) => !found.has(name)).map(({ name }) => name)
  const unready = watched.filter(({ name }) => found.get(name)?.ready === false).map(({ name }) => name)
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' }
  if (unknown.length === 0 && unready.length === 0) return { type, status: 'True' }
  return incomplete(type, 'ContainersNotReady', unknown, 'unready', unready)
}

/** A resize that waits, and one whose containers do not have it yet. */
export const resizeConditions = ({ pending, inProgress }: ResizeState): Bare[] => [
  ...(pending === undefined
    ? []
    : [
        {
          type: 'PodResizePending',
          status: 'True',
          reason: pending.reason,
          message: pending.message,
          observedGeneration: pending.generation,
        },
      ]),
  ...(inProgress === undefined
    ? []
    : [
        {
          type: 'PodResizeInProgress',
          status: 'True',
          ...(inProgress.error === '' ? {} : { reason: 'Error', message: inProgress.error }),
          observedGeneration: inProgress.generation,
        },
      ]),
]

/** Others write this one, too; the kubelet's own is told by its reason. */
export const disruptionTarget = 'DisruptionTarget'
export const kubeletDisruption = 'TerminationByKubelet'

/** Why a Pod that did nothing wrong is ended. */
export const disruptionCondition = (decided: { readonly disruption?: string } | undefined): Bare[] =>
  decided?.disruption === undefined
    ? []
    : [{ type: disruptionTarget, status: 'True', reason: kubeletDisruption, message: decided.disruption }]

export const readyCondition = (pod: BoundPod, containersReady: Bare, foreign: readonly PodCondition[]): Bare => {
  const type = 'Ready'
  if (containersReady.status !== 'True') return { ...containersReady, type }
  const unmet = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = foreign.find((candidate) => candidate.type === conditionType)
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    return condition.status === 'True'
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`]
  })
  if (unmet.length === 0) return { type, status: 'True' }
  return { type, status: 'False', reason: 'ReadinessGatesNotReady', message: unmet.join(', ') }
}

/** Gives conditions their times: a condition that keeps its status keeps its lastTransitionTime. */
export const withTimes = (
  conditions: readonly Bare[],
  old: readonly PodCondition[],
  { now, generation }: { readonly now: string; readonly generation: number | undefined },
): PodCondition[] =>
  conditions.map((condition) => {
    const before = old.find(({ type }) => type === condition.type)
    const kept = before?.status === condition.status ? before.lastTransitionTime : undefined
    return {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...condition,
      lastTransitionTime: kept ?? now,
    } as PodCondition
  })
