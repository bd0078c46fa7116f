/** The status of a Pod from what the runtime, the probes and the node know: a pure function. Upstream: generateAPIPodStatus. */
import { qosClass } from '../../api/meta/pods.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { ContainerStatus, PodStatus } from '../../api/types.ts'
import type { ResizeState } from '../allocation/allocator.ts'
import { type BoundPod, containersOf, isHostNetwork } from '../pod.ts'
import { podIPsOf, type PodRuntimeState } from '../sync/runtime-state.ts'
import { containerStatuses, type StartFailure } from './container-statuses.ts'
import {
  containersReadyCondition,
  initializedCondition,
  kubeletConditions,
  readyCondition,
  disruptionCondition,
  resizeConditions,
  withTimes,
} from './conditions.ts'
import { type PodPhase, podPhase } from './phase.ts'

export interface ContainerReadiness {
  readonly started: boolean
  readonly ready: boolean
}

interface Decided {
  readonly reason: string
  readonly message: string
  readonly rejected?: boolean
  readonly disruption?: string
}

export interface PodStatusRequest {
  readonly pod: BoundPod
  readonly state: PodRuntimeState
  /** The status that was last known, from the kubelet's own memory or the API. */
  readonly old: PodStatus
  readonly failures: (container: string) => StartFailure | undefined
  /** What the probes say of a running container. */
  readonly readiness: (container: string, containerId: string) => ContainerReadiness
  readonly hostIPs: readonly string[]
  readonly runtimeName: string
  readonly nowMs: number
  /** How a change of the Pod's resources goes on; absent when there is none. */
  readonly resize?: ResizeState
  /** Nothing will be started any more. */
  readonly terminal: boolean
  /** Phase, reason and message that the kubelet itself decided on: rejected, evicted, past its deadline. */
  readonly decided?: Decided | undefined
}

const containerIdOf = (status: ContainerStatus): string => status.containerID?.replace(/^[^:]*:\/\//, '') ?? ''

const withReadiness = (request: PodStatusRequest, statuses: readonly ContainerStatus[]): ContainerStatus[] =>
  statuses.map((status) => {
    const isInit = request.pod.spec.initContainers?.some(
      ({ name, restartPolicy }) => name === status.name && restartPolicy !== 'Always',
    )
    const isEphemeral = request.pod.spec.ephemeralContainers?.some(({ name }) => name === status.name)
    if (isEphemeral === true) return { ...status, started: false, ready: false }
    if (isInit === true) return { ...status, started: false, ready: status.state?.terminated?.exitCode === 0 }
    if (status.state?.running === undefined) return { ...status, started: false, ready: false }
    return { ...status, ...request.readiness(status.name, containerIdOf(status)) }
  })

const addresses = ({ pod, state, old, hostIPs }: PodStatusRequest): Partial<PodStatus> => {
  const own = isHostNetwork(pod) ? hostIPs : podIPsOf(state)
  // A Pod that is ending keeps the address that it had.
  const ips = own.length > 0 ? own : (old.podIPs ?? []).map(({ ip }) => ip ?? '')
  const [hostIP] = hostIPs
  const [podIP] = ips
  return {
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: hostIPs.map((ip) => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: ips.map((ip) => ({ ip })) }),
  }
}

/** An end that was decided on is told once nothing runs any more. Upstream: mergePodStatus. */
const decidedEnd = ({ decided, state }: PodStatusRequest): Decided | undefined =>
  state.containers.some((container) => container.state === 'running') ? undefined : decided

const phaseOf = (request: PodStatusRequest, statuses: readonly ContainerStatus[]): PodPhase => {
  const { old, pod, terminal } = request
  const decided = decidedEnd(request)
  // An end is an end: whatever the runtime has forgotten meanwhile.
  if (old.phase === 'Failed' || old.phase === 'Succeeded') return old.phase
  return decided === undefined ? podPhase(pod, statuses, terminal) : 'Failed'
}

/** A Pod that was never let in has no containers to tell of. */
const rejectedStatus = ({ pod, old, nowMs }: PodStatusRequest, reason: string, message: string): PodStatus => ({
  ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  phase: 'Failed',
  reason,
  message,
  startTime: old.startTime ?? nowRfc3339(nowMs),
  qosClass: old.qosClass ?? qosClass(pod),
  ...(old.conditions === undefined ? {} : { conditions: old.conditions }),
})

export const podStatus = (request: PodStatusRequest): PodStatus => {
  if (request.decided?.rejected === true) {
    return rejectedStatus(request, request.decided.reason, request.decided.message)
  }
  // Rejected by an earlier kubelet: there is nothing to add.
  const ended = request.old.phase === 'Failed' && request.old.containerStatuses === undefined
  if (ended && request.state.containers.length === 0) return request.old
  const { pod, state, old, nowMs } = request
  const decided = decidedEnd(request)
  const now = nowRfc3339(nowMs)
  const generation = pod.metadata.generation
  const of = (types: readonly string[], before: readonly ContainerStatus[] | undefined): ContainerStatus[] =>
    withReadiness(
      request,
      containerStatuses(
        { pod, state, old: before ?? [], failures: request.failures, runtimeName: request.runtimeName },
        containersOf(pod).filter(({ type }) => types.includes(type)),
      ),
    )
  const init = of(['init', 'sidecar'], old.initContainerStatuses)
  const regular = of(['container'], old.containerStatuses)
  const ephemeral = of(['ephemeral'], old.ephemeralContainerStatuses)
  const all = [...init, ...regular]
  const phase = phaseOf(request, all)

  // Others write their conditions to the API: the object, not our memory, has them as they are.
  const disruption = disruptionCondition(decided)
  const foreign = (pod.status?.conditions ?? []).filter(
    ({ type }) => !kubeletConditions.has(type) && !disruption.some((own) => own.type === type),
  )
  const containersReady = containersReadyCondition(pod, all, phase)
  const sandboxReady = state.sandboxes[0]?.state === 'ready'
  const conditions = withTimes(
    [
      { type: 'PodReadyToStartContainers', status: sandboxReady ? 'True' : 'False' },
      initializedCondition(pod, all, phase),
      readyCondition(pod, containersReady, foreign),
      containersReady,
      { type: 'PodScheduled', status: 'True' },
      ...resizeConditions(request.resize ?? {}),
      ...disruption,
    ],
    old.conditions ?? [],
    { now, generation },
  )
  const { reason, message } = decided ?? (phase === 'Failed' ? { reason: old.reason, message: old.message } : {})
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: [...conditions, ...foreign],
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...addresses(request),
    startTime: old.startTime ?? now,
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: regular,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: old.qosClass ?? qosClass(pod),
    ...(old.resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses: old.resourceClaimStatuses }),
  }
}
