/** Keeps a worker for every probe of every running container. Upstream: pkg/kubelet/prober/prober_manager.go. */
import type { Probe } from '../../api/types.ts'
import { type BoundPod, containersOf, type PodContainer } from '../pod.ts'
import type { ContainerStatus, RuntimeService } from '../runtime/runtime-service.ts'
import type { ContainerReadiness } from '../status/pod-status.ts'
import type { ContainerEvents } from '../sync/container-events.ts'
import type { ProbeOutcome, ProbeType } from '../sync/pod-actions.ts'
import { latestContainer, type PodRuntimeState } from '../sync/runtime-state.ts'
import type { ProbeMetrics } from './metrics.ts'
import { type ProbeResult, runProbe } from './probe.ts'
import { type ProbeWorker, startProbeWorker } from './probe-worker.ts'

export interface ProbeManager {
  /** Starts and stops workers so that they match what runs. */
  sync(pod: BoundPod, state: PodRuntimeState, podIP: string): void
  readonly outcome: ProbeOutcome
  readiness(pod: BoundPod, container: string, containerId: string): ContainerReadiness
  /** A Pod that is ending is not killed by its probes; readiness goes on to tell Services. */
  stopRestarts(podUid: string): void
  forget(podUid: string): void
}

export interface ProbeManagerDeps {
  readonly runtime: RuntimeService
  readonly events: ContainerEvents
  readonly metrics: ProbeMetrics
  readonly now: () => number
  /** An outcome changed: the Pod needs a sync. */
  readonly onChange: (podUid: string) => void
}

const probeTypes: readonly ProbeType[] = ['startup', 'liveness', 'readiness']
const titles = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const

const probeOf = ({ container, type }: PodContainer, kind: ProbeType): Probe | undefined => {
  if (type !== 'container' && type !== 'sidecar') return undefined
  return kind === 'startup'
    ? container.startupProbe
    : kind === 'liveness'
      ? container.livenessProbe
      : container.readinessProbe
}

export const createProbeManager = ({ runtime, events, metrics, now, onChange }: ProbeManagerDeps): ProbeManager => {
  /** Pod UID to `containerId/type`. */
  const pods = new Map<string, Map<string, ProbeWorker>>()
  const keyOf = (containerId: string, kind: ProbeType): string => `${containerId}/${kind}`
  const find = (containerId: string, kind: ProbeType): ProbeWorker | undefined => {
    for (const workers of pods.values()) {
      const worker = workers.get(keyOf(containerId, kind))
      if (worker !== undefined) return worker
    }
    return undefined
  }

  const outcome: ProbeOutcome = (kind, containerId) => find(containerId, kind)?.outcome()

  const report = (pod: BoundPod, container: string, kind: ProbeType, result: ProbeResult): void => {
    if (result.type === 'success') return
    const words = { warning: 'warning', failure: 'failed', error: 'errored' }[result.type]
    const reason = result.type === 'warning' ? 'ProbeWarning' : 'Unhealthy'
    events.record(pod, container, 'Warning', reason, `${titles[kind]} probe ${words}: ${result.output}`)
  }

  const start = (
    pod: BoundPod,
    entry: PodContainer,
    status: ContainerStatus,
    podIP: string,
    kind: ProbeType,
  ): ProbeWorker | undefined => {
    const probe = probeOf(entry, kind)
    if (probe === undefined) return undefined
    const { uid } = pod.metadata
    const subject = { pod, container: entry.container.name, kind }
    let isStopped = false
    const worker = startProbeWorker({
      probe,
      startedAt: status.startedAt,
      now,
      run: async () => {
        const startedAt = now()
        const result = await runProbe(runtime, probe, { container: entry.container, containerId: status.id, podIP })
        if (!isStopped) metrics.observe(subject, result.type, (now() - startedAt) / 1000)
        return result
      },
      enabled: () =>
        kind === 'startup' || entry.container.startupProbe === undefined || outcome('startup', status.id) === 'success',
      initial: kind === 'liveness' ? 'success' : undefined,
      onResult: (result) => report(pod, entry.container.name, kind, result),
      onChange: (changed) => {
        if (kind === 'startup' && changed === 'success')
          for (const other of ['liveness', 'readiness'] as const) find(status.id, other)?.trigger()
        onChange(uid)
      },
      // A failed liveness or startup probe gets its container killed; a passed startup probe has done its work.
      endsOn: kind === 'startup' ? 'success' : undefined,
    })
    return {
      ...worker,
      stop: () => {
        isStopped = true
        worker.stop()
        metrics.forget(subject)
      },
    }
  }

  return {
    outcome,
    sync: (pod, state, podIP) => {
      const { uid } = pod.metadata
      const workers = pods.get(uid) ?? new Map<string, ProbeWorker>()
      pods.set(uid, workers)
      const live = new Set<string>()
      for (const entry of containersOf(pod)) {
        const status = latestContainer(state, entry.container.name)
        if (status?.state !== 'running') continue
        for (const kind of probeTypes) {
          const key = keyOf(status.id, kind)
          live.add(key)
          if (workers.has(key)) continue
          const worker = start(pod, entry, status, podIP, kind)
          if (worker !== undefined) workers.set(key, worker)
        }
      }
      for (const [key, worker] of workers) {
        if (live.has(key)) continue
        worker.stop()
        workers.delete(key)
      }
    },
    readiness: (pod, container, containerId) => {
      const entry = containersOf(pod).find((candidate) => candidate.container.name === container)
      if (entry === undefined) return { started: true, ready: true }
      const started = probeOf(entry, 'startup') === undefined || outcome('startup', containerId) === 'success'
      const ready = probeOf(entry, 'readiness') === undefined || outcome('readiness', containerId) === 'success'
      return { started, ready: started && ready }
    },
    stopRestarts: (podUid) => {
      for (const [key, worker] of pods.get(podUid) ?? []) if (!key.endsWith('/readiness')) worker.stop()
    },
    forget: (podUid) => {
      for (const worker of pods.get(podUid)?.values() ?? []) worker.stop()
      pods.delete(podUid)
    },
  }
}
