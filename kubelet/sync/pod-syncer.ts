/** Brings one Pod to what its spec says, or to its end. Upstream: Kubelet.SyncPod and kuberuntime SyncPod. */
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { PodStatus } from '../../api/types.ts'
import { resizeAction } from '../allocation/actuation.ts'
import type { Allocator } from '../allocation/allocator.ts'
import type { ClaimManager } from '../dra/claim-manager.ts'
import type { DeviceManager } from '../deviceplugin/device-manager.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { formatDuration } from '../../component-base/flags/duration.ts'
import { KeyedBackoff } from '../backoff.ts'
import { makeSandboxConfig, type NodeFacts } from '../container/container-config.ts'
import { ConfigError } from '../container/objects.ts'
import { cgroupSettings } from '../container/resources.ts'
import type { PodCgroups } from '../cgroups/pod-cgroups.ts'
import { type BoundPod, containersOf, formatPod, isHostNetwork, type PodContainer } from '../pod.ts'
import type { ProbeManager } from '../probes/probe-manager.ts'
import type { EventRecorder } from '../recorder.ts'
import type { PodSandboxStatus, RuntimeService } from '../runtime/runtime-service.ts'
import type { StartFailure } from '../status/container-statuses.ts'
import { podStatus } from '../status/pod-status.ts'
import type { StatusManager } from '../status/status-manager.ts'
import type { MountedVolume } from '../volumes/mounted-volume.ts'
import type { VolumeManager } from '../volumes/volume-manager.ts'
import type { ContainerEvents } from './container-events.ts'
import type { PodKiller } from './kill-pod.ts'
import { computePodActions, type PodActions } from './pod-actions.ts'
import { latestContainer, podIPsOf, type PodRuntimeState, type ReadPodState } from './runtime-state.ts'
import { type StartContainer, StartError } from './start-container.ts'

export interface SyncerDeps {
  readonly runtime: RuntimeService
  readonly readState: ReadPodState
  readonly killer: PodKiller
  readonly startContainer: StartContainer
  readonly volumes: VolumeManager
  readonly status: StatusManager
  readonly probes: ProbeManager
  readonly facts: NodeFacts
  readonly cgroups: PodCgroups
  /** A Pod begins to run. */
  readonly onSandbox: () => void
  readonly recorder: EventRecorder
  readonly events: ContainerEvents
  readonly allocator: Pick<Allocator, 'state' | 'done' | 'notDone'>
  readonly claims: Pick<ClaimManager, 'prepare' | 'unprepare'>
  readonly devices: Pick<DeviceManager, 'allocate' | 'release'>
  readonly runtimeName: string
  /** RuntimeClass.handler of the Pod; rejects where the class does not exist. */
  readonly runtimeHandler: (pod: BoundPod) => Promise<string>
  /** '' when Pods can get a network. */
  readonly networkNotReady: () => Promise<string>
  /** The longest wait before a container that crashed is started again. */
  readonly crashMaxMs: number
  /** A Pod runs for the first time, so many milliseconds after it was first seen. */
  readonly onFirstRun: (ms: number) => void
  readonly now: () => number
  readonly log: Logger
}

/** Why the kubelet itself ends a Pod. */
export interface Decision {
  readonly reason: string
  readonly message: string
  /** What the condition DisruptionTarget says, where somebody else's good is the cause. */
  readonly disruption?: string
  /** It was never let in: nothing of it was started. */
  readonly rejected?: boolean
}

export interface SyncResult {
  /** Nothing is left to run: the Pod goes on to its end. */
  readonly terminal: boolean
  readonly decided?: Decision
  /** When to come back without an event. */
  readonly requeueAfterMs?: number
}

export interface TerminateOptions {
  readonly graceSeconds: number | undefined
  readonly decided: Decision | undefined
  readonly signal: AbortSignal
}

export interface PodSyncer {
  sync(pod: BoundPod, signal: AbortSignal): Promise<SyncResult>
  /** Stops everything; the status tells the end. Throws when the signal cut it short. */
  terminate(pod: BoundPod, options: TerminateOptions): Promise<void>
  /** After the last container has stopped: volumes go, the status is final. */
  finish(pod: BoundPod): Promise<void>
  /** The Pod is gone from its source: nothing of it stays. */
  cleanUp(podUid: string): Promise<void>
}

/** Says that the whole sync failed and when to try again; the event is recorded already. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
}

const crashInitialMs = 10_000

const resizeRetryMs = 10_000

const soonest = (...waits: readonly (number | undefined)[]): number | undefined => {
  const known = waits.filter((ms) => ms !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** Nothing is to be stopped, started or resized. */
const isIdle = ({ killPod, toKill, toStart, toResize }: PodActions): boolean =>
  !killPod && toKill.length === 0 && toStart.length === 0 && toResize.length === 0

const hasGivenResources = (pod: BoundPod, state: PodRuntimeState): boolean =>
  containersOf(pod).every(({ container, type }) => {
    const latest = type === 'container' || type === 'sidecar' ? latestContainer(state, container.name) : undefined
    return latest === undefined || resizeAction(container, latest, pod.spec.resources?.limits) === 'none'
  })

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const createPodSyncer = (deps: SyncerDeps): PodSyncer => {
  const { runtime, readState, killer, volumes, status: statusManager, probes, facts, recorder, events, now, log } = deps
  const { crashMaxMs } = deps
  const crashes = new KeyedBackoff({ initialMs: Math.min(crashInitialMs, crashMaxMs), maxMs: crashMaxMs })
  const failures = new Map<string, Map<string, StartFailure>>()

  const failuresOf = (uid: string): Map<string, StartFailure> => {
    const present = failures.get(uid)
    if (present !== undefined) return present
    const fresh = new Map<string, StartFailure>()
    failures.set(uid, fresh)
    return fresh
  }

  const report = (
    pod: BoundPod,
    state: PodRuntimeState,
    end: { terminal: boolean; decided?: Decision | undefined },
  ): PodStatus => {
    if (hasGivenResources(pod, state)) deps.allocator.done(pod)
    else deps.allocator.notDone(pod)
    const status = podStatus({
      pod,
      state,
      old: statusManager.get(pod.metadata.uid) ?? pod.status ?? {},
      failures: (container) => failures.get(pod.metadata.uid)?.get(container),
      readiness: (container, id) => probes.readiness(pod, container, id),
      hostIPs: facts.hostIPs,
      runtimeName: deps.runtimeName,
      nowMs: now(),
      resize: deps.allocator.state(pod.metadata.uid),
      ...end,
    })
    const before = statusManager.get(pod.metadata.uid)?.phase
    if (before === 'Pending' && status.phase === 'Running' && status.startTime !== undefined) {
      deps.onFirstRun(now() - Date.parse(status.startTime))
    }
    statusManager.set(pod, status)
    return status
  }

  /** Milliseconds until activeDeadlineSeconds are over; undefined without one. */
  const deadlineLeft = (pod: BoundPod, status: PodStatus): number | undefined => {
    const seconds = pod.spec.activeDeadlineSeconds
    if (seconds === undefined || status.startTime === undefined) return undefined
    return Date.parse(status.startTime) + seconds * 1000 - now()
  }

  const mountVolumes = async (pod: BoundPod, state: PodRuntimeState): Promise<ReadonlyMap<string, MountedVolume>> => {
    try {
      const addresses = { podIPs: podIPsOf(state), hostIPs: facts.hostIPs }
      return await volumes.mount(pod, { addresses, node: facts.objects.node() })
    } catch (error) {
      for (const message of messageOf(error).split('\n')) recorder.event(pod, 'Warning', 'FailedMount', message)
      throw new RetryLater(messageOf(error))
    }
  }

  /** Undefined when the Pod has its devices; else why it is turned away. */
  const allocateDevices = async (pod: BoundPod): Promise<Decision | undefined> => {
    try {
      await deps.devices.allocate(pod)
      return undefined
    } catch (error) {
      const message = `Pod was rejected: Allocate failed due to ${messageOf(error)}, which is unexpected`
      recorder.event(pod, 'Warning', 'UnexpectedAdmissionError', message.replace('Pod was rejected: ', ''))
      return { reason: 'UnexpectedAdmissionError', message, rejected: true }
    }
  }

  const prepareClaims = async (pod: BoundPod): Promise<void> => {
    try {
      await deps.claims.prepare(pod)
    } catch (error) {
      const message = `Failed to prepare dynamic resources: ${messageOf(error)}`
      recorder.event(pod, 'Warning', 'FailedPrepareDynamicResources', message)
      throw new RetryLater(messageOf(error))
    }
  }

  const createSandbox = async (pod: BoundPod, attempt: number): Promise<PodSandboxStatus> => {
    await prepareClaims(pod)
    try {
      const sandbox = await runtime.runPodSandbox(
        makeSandboxConfig(pod, attempt, facts, await deps.runtimeHandler(pod)),
      )
      deps.onSandbox()
      if (!(await deps.cgroups.apply(pod))) {
        log.warn({ pod: formatPod(pod) }, 'the cgroup of a pod cannot be set up: its own limits have no effect')
      }
      return sandbox
    } catch (error) {
      recorder.event(
        pod,
        'Warning',
        'FailedCreatePodSandBox',
        `Failed to create pod sandbox: ${error instanceof ConfigError ? '' : 'rpc error: code = Unknown desc = '}${messageOf(error)}`,
      )
      throw new RetryLater(messageOf(error))
    }
  }

  /** How long a container that stopped must wait; counts this start where it need not. */
  const crashWait = (pod: BoundPod, { container }: PodContainer, state: PodRuntimeState): number => {
    const stopped = state.containers.find(({ name, state: of }) => name === container.name && of === 'exited')
    if (stopped === undefined) return 0
    const key = `${pod.metadata.uid}/${container.name}/${container.image ?? ''}`
    const wait = crashes.remaining(key, stopped.finishedAt, now())
    if (wait === 0) {
      crashes.next(key, stopped.finishedAt, now())
      return 0
    }
    const message = `back-off ${formatDuration(crashes.duration(key))} restarting failed container=${container.name} pod=${formatPod(pod)}`
    failuresOf(pod.metadata.uid).set(container.name, { reason: 'CrashLoopBackOff', message })
    events.record(
      pod,
      container.name,
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`,
    )
    return wait
  }

  /** Starts what is to be started, in order; one failure does not keep the others back. Returns the soonest retry. */
  const startContainers = async (
    pod: BoundPod,
    entries: readonly PodContainer[],
    context: {
      sandbox: PodSandboxStatus
      state: PodRuntimeState
      volumes: ReadonlyMap<string, MountedVolume>
      signal: AbortSignal
    },
  ): Promise<number | undefined> => {
    let retryMs: number | undefined
    for (const entry of entries) {
      context.signal.throwIfAborted()
      const wait = crashWait(pod, entry, context.state)
      if (wait > 0) {
        retryMs = soonest(retryMs, wait)
        continue
      }
      try {
        await deps.startContainer({ pod, entry, ...context })
        failuresOf(pod.metadata.uid).delete(entry.container.name)
      } catch (error) {
        if (!(error instanceof StartError)) throw error
        failuresOf(pod.metadata.uid).set(entry.container.name, { reason: error.reason, message: error.message })
        retryMs = soonest(retryMs, error.retryAfterMs)
      }
    }
    return retryMs
  }

  /** Keeps of each container the latest and the one before it, whose log and state are shown. */
  const removeOldContainers = async (pod: BoundPod, state: PodRuntimeState): Promise<void> => {
    const seen = new Map<string, number>()
    for (const { name, id, state: of } of state.containers) {
      const count = (seen.get(name) ?? 0) + 1
      seen.set(name, count)
      if (count > 2 && of !== 'running') {
        await runtime
          .removeContainer(id)
          .catch((error: unknown) => log.warn({ err: error, pod: formatPod(pod) }, 'cannot remove an old container'))
      }
    }
    for (const [index, { id, state: of }] of state.sandboxes.entries()) {
      if (index > 0 && of !== 'ready') await runtime.removePodSandbox(id)
    }
  }

  /** Containers that run on get what they were given; one that cannot yet keeps the others waiting for the next try. */
  const resizeContainers = async (pod: BoundPod, resizes: PodActions['toResize']): Promise<number | undefined> => {
    try {
      if (resizes.length > 0) await deps.cgroups.relax(pod)
      for (const { id, container } of resizes) {
        await runtime.updateContainerResources(id, cgroupSettings(container, pod.spec.resources?.limits))
      }
      return undefined
    } catch (error) {
      deps.allocator.notDone(pod, messageOf(error))
      return resizeRetryMs
    } finally {
      if (resizes.length > 0) await deps.cgroups.apply(pod)
    }
  }

  const applyActions = async (
    pod: BoundPod,
    state: PodRuntimeState,
    actions: PodActions,
    mounted: ReadonlyMap<string, MountedVolume>,
    signal: AbortSignal,
  ): Promise<number | undefined> => {
    if (actions.killPod) {
      if (actions.createSandbox && actions.sandboxId !== '') {
        recorder.event(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      }
      await killer.killPod(state, { pod, signal })
    }
    await Promise.all(
      actions.toKill.map(async ({ id, container, message, reason }) => {
        const status = state.containers.find((candidate) => candidate.id === id)
        if (status === undefined) return
        const probe =
          reason === 'livenessProbe'
            ? container.container.livenessProbe
            : reason === 'startupProbe'
              ? container.container.startupProbe
              : undefined
        await killer.killContainer(status, state, {
          pod,
          message,
          graceSeconds: probe?.terminationGracePeriodSeconds,
          signal,
        })
      }),
    )
    const resizeMs = await resizeContainers(pod, actions.toResize)
    const sandbox = actions.createSandbox
      ? await createSandbox(pod, actions.attempt)
      : state.sandboxes.find(({ id }) => id === actions.sandboxId)
    if (sandbox === undefined || actions.toStart.length === 0) return resizeMs
    return soonest(resizeMs, await startContainers(pod, actions.toStart, { sandbox, state, volumes: mounted, signal }))
  }

  const syncProbes = (pod: BoundPod, state: PodRuntimeState): void =>
    probes.sync(pod, state, (isHostNetwork(pod) ? facts.hostIPs[0] : podIPsOf(state)[0]) ?? '')

  const sync = async (pod: BoundPod, signal: AbortSignal): Promise<SyncResult> => {
    const { uid } = pod.metadata
    const state = await readState(uid)
    syncProbes(pod, state)
    const before = report(pod, state, { terminal: false })
    if (before.phase === 'Succeeded' || before.phase === 'Failed') return { terminal: true }
    const left = deadlineLeft(pod, before)
    if (left !== undefined && left <= 0) {
      const decided = {
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      }
      recorder.event(pod, 'Normal', decided.reason, decided.message)
      return { terminal: true, decided }
    }
    const withoutDevices = state.containers.length === 0 ? await allocateDevices(pod) : undefined
    if (withoutDevices !== undefined) return { terminal: true, decided: withoutDevices }
    const reason = isHostNetwork(pod) ? '' : await deps.networkNotReady()
    if (reason !== '') {
      recorder.event(pod, 'Warning', 'NetworkNotReady', `network is not ready: ${reason}`)
      throw new RetryLater(reason)
    }
    const mounted = await mountVolumes(pod, state)
    signal.throwIfAborted()
    const actions = computePodActions(pod, state, probes.outcome)
    if (isIdle(actions)) {
      return left === undefined ? { terminal: false } : { terminal: false, requeueAfterMs: left }
    }
    let retryMs: number | undefined
    try {
      retryMs = await applyActions(pod, state, actions, mounted, signal)
    } finally {
      // What was started shows at once; the runtime's events will only confirm it.
      if (!signal.aborted) {
        const after = await readState(uid)
        syncProbes(pod, after)
        report(pod, after, { terminal: false })
        await removeOldContainers(pod, after)
      }
    }
    const wait = soonest(retryMs, left)
    return wait === undefined ? { terminal: false } : { terminal: false, requeueAfterMs: wait }
  }

  return {
    sync,
    terminate: async (pod, { graceSeconds, decided, signal }) => {
      const { uid } = pod.metadata
      probes.stopRestarts(uid)
      const state = await readState(uid)
      report(pod, state, { terminal: false, decided })
      await killer.killPod(state, { pod, graceSeconds, signal })
      signal.throwIfAborted()
      probes.forget(uid)
      const after = await readState(uid)
      if (after.containers.some(({ state: of }) => of === 'running')) throw new Error('containers are still running')
      await deps.claims.unprepare(uid)
      report(pod, after, { terminal: true, decided })
      log.debug({ pod: formatPod(pod) }, 'pod stopped')
    },
    finish: async (pod) => {
      await volumes.unmount(pod.metadata.uid)
      await deps.devices.release(pod.metadata.uid)
      statusManager.finished(pod)
    },
    cleanUp: async (podUid) => {
      probes.forget(podUid)
      const state = await readState(podUid)
      await killer.killPod(state, { pod: undefined })
      await Promise.all(state.containers.map(({ id }) => runtime.removeContainer(id)))
      await Promise.all(state.sandboxes.map(({ id }) => runtime.removePodSandbox(id)))
      await deps.claims.unprepare(podUid)
      await deps.devices.release(podUid)
      await volumes.remove(podUid)
      await deps.cgroups.remove(podUid)
      crashes.forget(podUid)
      failures.delete(podUid)
      statusManager.forget(podUid)
      log.debug({ podUid, at: nowRfc3339(now()), containers: state.containers.length }, 'pod cleaned up')
    },
  }
}

/** Every name of the Pod's containers: what a request may ask for. */
export const containerNames = (pod: BoundPod): string[] => containersOf(pod).map(({ container }) => container.name)
