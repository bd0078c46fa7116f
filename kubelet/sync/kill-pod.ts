/** Stops containers gracefully: preStop, stop signal, SIGKILL, all inside one grace period. Upstream: killContainer. */
import type { Container } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { type LifecycleHandler, runHook } from '../lifecycle/hooks.ts'
import { type BoundPod, findContainer } from '../pod.ts'
import { containerTypeAnnotation, podGracePeriodAnnotation, preStopAnnotation } from '../runtime/labels.ts'
import type { ContainerStatus, RuntimeService } from '../runtime/runtime-service.ts'
import type { ContainerEvents } from './container-events.ts'
import { podIPsOf, type PodRuntimeState } from './runtime-state.ts'

/** Even a forced stop leaves a process this much time. */
const minimumGraceMs = 2000
const defaultGraceSeconds = 30

export interface KillerDeps {
  readonly runtime: RuntimeService
  readonly events: ContainerEvents
  readonly now: () => number
  readonly log: Logger
}

export interface KillOptions {
  /** Undefined for the leftovers of a Pod that is known by its containers only. */
  readonly pod: BoundPod | undefined
  /** Shorter than the Pod's own, by deletion options, eviction or a failed probe. */
  readonly graceSeconds?: number | undefined
  readonly message?: string
  /** Ends the waiting: a shorter grace period has come. */
  readonly signal?: AbortSignal
}

const preStopOf = (status: ContainerStatus): LifecycleHandler | undefined => {
  const text = status.annotations[preStopAnnotation]
  return text === undefined ? undefined : (JSON.parse(text) as LifecycleHandler)
}

/** Deletion's grace period, the Pod's, or what the container remembers of it. */
const graceSecondsOf = (status: ContainerStatus, { pod, graceSeconds }: KillOptions): number =>
  graceSeconds ??
  pod?.metadata.deletionGracePeriodSeconds ??
  pod?.spec.terminationGracePeriodSeconds ??
  Number(status.annotations[podGracePeriodAnnotation] ?? defaultGraceSeconds)

export interface PodKiller {
  killContainer(status: ContainerStatus, state: PodRuntimeState, options: KillOptions): Promise<void>
  /** Every container, sidecars last and in reverse order, then the sandboxes. */
  killPod(state: PodRuntimeState, options: KillOptions): Promise<void>
}

export const createPodKiller = ({ runtime, events, now, log }: KillerDeps): PodKiller => {
  const runPreStop = async (
    status: ContainerStatus,
    state: PodRuntimeState,
    deadlineMs: number,
    options: KillOptions,
  ): Promise<void> => {
    const handler = preStopOf(status)
    if (handler === undefined) return
    const found = options.pod === undefined ? undefined : findContainer(options.pod, status.name)
    const container: Container = found?.container ?? { name: status.name }
    const podIP = podIPsOf(state)[0] ?? options.pod?.status?.podIP ?? '127.0.0.1'
    const cut = new AbortController()
    const timer = setTimeout(() => cut.abort(new Error('the grace period is over')), Math.max(0, deadlineMs - now()))
    const signal = options.signal === undefined ? cut.signal : AbortSignal.any([cut.signal, options.signal])
    try {
      const done = runHook(runtime, handler, { containerId: status.id, container, podIP }, signal)
      done.catch(() => undefined)
      await Promise.race([done, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
    } catch (error) {
      events.record(options.pod, status.name, 'Warning', 'FailedPreStopHook', 'PreStopHook failed')
      log.warn({ err: error, container: status.id }, 'preStop hook failed')
    } finally {
      clearTimeout(timer)
    }
  }

  const stop = async (
    status: ContainerStatus,
    state: PodRuntimeState,
    deadlineMs: number,
    options: KillOptions,
  ): Promise<void> => {
    events.record(options.pod, status.name, 'Normal', 'Killing', options.message ?? `Stopping container ${status.name}`)
    if (deadlineMs > now()) await runPreStop(status, state, deadlineMs, options)
    const left = Math.max(minimumGraceMs, deadlineMs - now())
    await runtime.stopContainer(status.id, left, options.signal)
  }

  const killPod = async (state: PodRuntimeState, options: KillOptions): Promise<void> => {
    const running = state.containers.filter((status) => status.state === 'running')
    const startedAt = now()
    const deadlineOf = (status: ContainerStatus): number => startedAt + graceSecondsOf(status, options) * 1000
    const isSidecar = (status: ContainerStatus): boolean => status.annotations[containerTypeAnnotation] === 'sidecar'
    await Promise.all(
      running.filter((status) => !isSidecar(status)).map((status) => stop(status, state, deadlineOf(status), options)),
    )
    const order = (status: ContainerStatus): number =>
      options.pod?.spec.initContainers?.findIndex(({ name }) => name === status.name) ?? 0
    for (const sidecar of running.filter(isSidecar).toSorted((a, b) => order(b) - order(a))) {
      options.signal?.throwIfAborted()
      await stop(sidecar, state, deadlineOf(sidecar), options)
    }
    await Promise.all(state.sandboxes.map(({ id }) => runtime.stopPodSandbox(id)))
  }

  return {
    killContainer: (status, state, options) =>
      stop(status, state, now() + graceSecondsOf(status, options) * 1000, options),
    killPod,
  }
}
