/** What has to be done to bring a Pod's containers to its spec: a pure decision. Upstream: computePodActions. */
import type { Container } from '../../api/types.ts'
import { resizeAction, shrinks } from '../allocation/actuation.ts'
import { type BoundPod, type PodContainer, containersOf, isHostNetwork, restartPolicyOf } from '../pod.ts'
import { containerHashAnnotation } from '../runtime/labels.ts'
import type { ContainerStatus } from '../runtime/runtime-service.ts'
import { containerHash } from './container-hash.ts'
import { hasSucceeded, restartsAfterKill, shouldContainerBeRestarted } from './restart-rules.ts'
import { latestContainer, type PodRuntimeState } from './runtime-state.ts'

export type ProbeType = 'startup' | 'liveness' | 'readiness'
/** Latest outcome of a probe of one container; undefined when it has no such probe or no outcome yet. */
export type ProbeOutcome = (probe: ProbeType, containerId: string) => 'success' | 'failure' | undefined

export type KillReason = 'startupProbe' | 'livenessProbe' | 'changed' | 'resize' | 'unknown'

export interface ContainerToKill {
  readonly id: string
  readonly container: PodContainer
  readonly message: string
  readonly reason: KillReason
}

export interface PodActions {
  /** Stop every container and the sandbox: before a new sandbox, or because nothing is left to run. */
  readonly killPod: boolean
  readonly createSandbox: boolean
  /** Number of the new sandbox. */
  readonly attempt: number
  readonly sandboxId: string
  readonly toKill: readonly ContainerToKill[]
  readonly toStart: readonly PodContainer[]
  /** Running containers that get other resources: those that get less first. */
  readonly toResize: readonly ContainerToResize[]
}

export interface ContainerToResize {
  readonly id: string
  readonly container: Container
}

interface Draft {
  killPod: boolean
  toKill: ContainerToKill[]
  toStart: PodContainer[]
  toResize: ContainerToResize[]
}

interface SandboxChange {
  readonly changed: boolean
  readonly attempt: number
  readonly sandboxId: string
}

/** Upstream: runtimeutil.PodSandboxChanged. */
export const sandboxChange = (pod: BoundPod, { sandboxes }: PodRuntimeState): SandboxChange => {
  const [newest] = sandboxes
  if (newest === undefined) return { changed: true, attempt: 0, sandboxId: '' }
  const attempt = newest.metadata.attempt + 1
  const ready = sandboxes.filter(({ state }) => state === 'ready').length
  const sameNetwork = (newest.network === 'node') === isHostNetwork(pod)
  if (ready > 1 || newest.state !== 'ready' || !sameNetwork) return { changed: true, attempt, sandboxId: newest.id }
  return { changed: false, attempt: newest.metadata.attempt, sandboxId: newest.id }
}

const hasAnyRegularContainer = (pod: BoundPod, state: PodRuntimeState): boolean =>
  pod.spec.containers.some(({ name }) => {
    const status = latestContainer(state, name)
    return status !== undefined && status.state !== 'created'
  })

interface FaultContext {
  readonly probes: ProbeOutcome
  /** For containers without limits of their own. */
  readonly podLimits: Readonly<Record<string, string>> | undefined
}

/** Why a running container has to go, if it has to. */
const faultOf = (
  container: Container,
  status: ContainerStatus,
  { probes, podLimits }: FaultContext,
): { reason: KillReason; message: string } | undefined => {
  if (status.annotations[containerHashAnnotation] !== containerHash(container)) {
    return { reason: 'changed', message: `Container ${container.name} definition changed` }
  }
  if (probes('liveness', status.id) === 'failure') {
    return { reason: 'livenessProbe', message: `Container ${container.name} failed liveness probe` }
  }
  if (probes('startup', status.id) === 'failure') {
    return { reason: 'startupProbe', message: `Container ${container.name} failed startup probe` }
  }
  if (resizeAction(container, status, podLimits) === 'restart') {
    return { reason: 'resize', message: `Container ${container.name} resize requires restart` }
  }
  return undefined
}

/** A container that runs on gets the resources that it was given. */
const keep = (draft: Draft, pod: BoundPod, { container }: PodContainer, status: ContainerStatus): void => {
  const podLimits = pod.spec.resources?.limits
  if (status.resources === undefined || resizeAction(container, status, podLimits) !== 'update') return
  const resize = { id: status.id, container }
  if (shrinks(container, status.resources, podLimits)) draft.toResize.unshift(resize)
  else draft.toResize.push(resize)
}

const replace = (
  draft: Draft,
  pod: BoundPod,
  entry: PodContainer,
  status: ContainerStatus,
  fault: { reason: KillReason; message: string },
): void => {
  const replaced = fault.reason === 'changed' || fault.reason === 'resize'
  const restart = replaced || entry.type === 'sidecar' || restartsAfterKill(entry.container, pod)
  if (restart) draft.toStart.push(entry)
  draft.toKill.push({
    id: status.id,
    container: entry,
    reason: fault.reason,
    message: restart && fault.reason !== 'resize' ? `${fault.message}, will be restarted` : fault.message,
  })
}

/** True once the sidecar has passed its startup probe, or runs when it has none. */
const sidecarStarted = (container: Container, status: ContainerStatus, probes: ProbeOutcome): boolean =>
  container.startupProbe === undefined || probes('startup', status.id) === 'success'

/** Decides about sidecar `index`; true when the containers after it may go on. */
const actOnSidecar = (draft: Draft, { pod, state, probes, reached }: InitContext, entry: PodContainer): boolean => {
  const status = latestContainer(state, entry.container.name)
  if (status?.state !== 'running') {
    draft.toStart.push(entry)
    return reached
  }
  const fault = faultOf(entry.container, status, { probes, podLimits: pod.spec.resources?.limits })
  if (fault !== undefined) {
    replace(draft, pod, entry, status, fault)
    return reached
  }
  keep(draft, pod, entry, status)
  return reached || sidecarStarted(entry.container, status, probes)
}

interface InitContext {
  readonly pod: BoundPod
  readonly state: PodRuntimeState
  readonly probes: ProbeOutcome
  /** A later container has run already, so this one must have done its part before. */
  readonly reached: boolean
}

/** Walks the init containers in order; true when all of them are done and the sidecars have started. */
const actOnInitContainers = (draft: Draft, context: Omit<InitContext, 'reached'>): boolean => {
  const { pod, state } = context
  const entries = containersOf(pod).filter(({ type }) => type === 'init' || type === 'sidecar')
  const initialized = hasAnyRegularContainer(pod, state)
  for (const [index, entry] of entries.entries()) {
    const laterRan = entries
      .slice(index + 1)
      .some(({ container }) => latestContainer(state, container.name) !== undefined)
    if (entry.type === 'sidecar') {
      if (!actOnSidecar(draft, { ...context, reached: initialized || laterRan }, entry)) return false
      continue
    }
    if (initialized) continue
    const status = latestContainer(state, entry.container.name)
    if (status?.state === 'running') return false
    if (hasSucceeded(status)) continue
    if (status?.state === 'exited' && !shouldContainerBeRestarted(entry.container, pod, state)) {
      draft.killPod = true
      draft.toStart = []
      return false
    }
    draft.toStart.push(entry)
    return false
  }
  return true
}

const actOnRegularContainers = (draft: Draft, { pod, state, probes }: Omit<InitContext, 'reached'>): void => {
  let kept = 0
  let started = 0
  for (const entry of containersOf(pod).filter(({ type }) => type === 'container')) {
    const status = latestContainer(state, entry.container.name)
    if (status?.state !== 'running') {
      if (shouldContainerBeRestarted(entry.container, pod, state)) {
        draft.toStart.push(entry)
        started++
      }
      continue
    }
    const fault = faultOf(entry.container, status, { probes, podLimits: pod.spec.resources?.limits })
    if (fault === undefined) {
      keep(draft, pod, entry, status)
      kept++
      continue
    }
    const before = draft.toStart.length
    replace(draft, pod, entry, status, fault)
    started += draft.toStart.length - before
  }
  if (kept > 0 || started > 0) return
  // Nothing is left to run: the sidecars end with the Pod.
  draft.killPod = true
  draft.toStart = []
}

/** Containers that a new sandbox begins with; none where the Pod has done its work. */
const firstContainers = (pod: BoundPod, state: PodRuntimeState): PodContainer[] => {
  const all = containersOf(pod)
  const regular = all.filter(
    ({ type, container }) =>
      type === 'container' &&
      !(restartPolicyOf(pod) !== 'Always' && hasSucceeded(latestContainer(state, container.name))),
  )
  if (regular.length === 0) return []
  const [firstInit] = all.filter(({ type }) => type === 'init' || type === 'sidecar')
  return firstInit === undefined ? regular : [firstInit]
}

/** The decision for a Pod that is to run. */
export const computePodActions = (pod: BoundPod, state: PodRuntimeState, probes: ProbeOutcome): PodActions => {
  const { changed, attempt, sandboxId } = sandboxChange(pod, state)
  if (changed) {
    const mayNotRestart = restartPolicyOf(pod) === 'Never' && attempt !== 0 && state.containers.length > 0
    const toStart = mayNotRestart ? [] : firstContainers(pod, state)
    return { killPod: true, createSandbox: toStart.length > 0, attempt, sandboxId, toKill: [], toStart, toResize: [] }
  }
  const draft: Draft = { killPod: false, toKill: [], toStart: [], toResize: [] }
  const context = { pod, state, probes }
  const ephemeral = containersOf(pod).filter(
    ({ type, container }) => type === 'ephemeral' && latestContainer(state, container.name) === undefined,
  )
  if (actOnInitContainers(draft, context)) actOnRegularContainers(draft, context)
  if (!draft.killPod) draft.toStart.push(...ephemeral)
  return { ...draft, createSandbox: false, attempt, sandboxId }
}
