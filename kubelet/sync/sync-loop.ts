/** Hands every Pod of every source to its worker, and cleans up after Pods that no source knows. Upstream: syncLoop. */
import { readdir } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Node, Pod } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Allocator } from '../allocation/allocator.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { KubeletPaths } from '../paths.ts'
import { asBoundPod, type BoundPod, formatPod, isCriticalPod, isMirrorPod } from '../pod.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import type { StatusManager } from '../status/status-manager.ts'
import { type HostPolicy, judgePod, type Shortage } from './admission.ts'
import type { PodManager } from './pod-manager.ts'
import { victimsOf } from './preemption.ts'
import type { PodSyncer } from './pod-syncer.ts'
import type { PodWorkers } from './pod-worker.ts'

export interface SyncLoopDeps {
  readonly pods: PodManager
  readonly workers: PodWorkers
  readonly syncer: PodSyncer
  readonly status: StatusManager
  readonly runtime: RuntimeService
  readonly paths: KubeletPaths
  readonly node: () => Node | undefined
  readonly allocator: Allocator
  readonly host: HostPolicy
  /** Ends a Pod so that a critical one has the resource that it lacks. */
  readonly preempt: (victim: BoundPod, resource: string) => void
  /** ConfigMaps and Secrets of the Pod are to be known from now on; or no longer. */
  readonly register: (pod: BoundPod) => void
  readonly unregister: (podUid: string) => void
  readonly onMirrorChange: () => void
  readonly log: Logger
}

export interface SyncLoop {
  /** A Pod bound to this node was seen in the API. */
  apiPod(pod: Pod): void
  apiPodGone(pod: Pod): void
  /** The whole set of static Pods. */
  staticPods(pods: readonly BoundPod[]): void
  /** Something was freed: critical Pods that waited for it come in. */
  admitWaiting(): void
  /** Removes what belongs to no Pod; only after every source has told its Pods. */
  cleanOrphans(): Promise<void>
  runHousekeeping(signal: AbortSignal): Promise<void>
}

const housekeepingMs = 60_000

/** Only the status differs, as after each of our own writes. Gates are conditions that others write. */
const sameWork = (a: BoundPod, b: BoundPod): boolean =>
  b.spec.readinessGates === undefined &&
  a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
  a.metadata.deletionGracePeriodSeconds === b.metadata.deletionGracePeriodSeconds &&
  isDeepStrictEqual(a.metadata.labels, b.metadata.labels) &&
  isDeepStrictEqual(a.metadata.annotations, b.metadata.annotations) &&
  isDeepStrictEqual(a.spec, b.spec)

export const createSyncLoop = (deps: SyncLoopDeps): SyncLoop => {
  const { pods, workers, syncer, status, runtime, paths, allocator, log } = deps
  let statics = new Map<string, BoundPod>()

  const isNew = (pod: BoundPod): boolean => !workers.has(pod.metadata.uid)

  /** A Pod that ran before this kubelet was started was admitted then. */
  const startedBefore = (pod: BoundPod): boolean => pod.status?.startTime !== undefined

  const accept = (pod: BoundPod): void => {
    const { uid, deletionTimestamp } = pod.metadata
    const phase = pod.status?.phase
    const first = isNew(pod)
    const before = pods.get(uid)
    pods.set(pod)
    if (!first && before !== undefined && sameWork(before, pod)) {
      status.observe(pod)
      return workers.refresh(allocator.given(pod))
    }
    const ended = phase === 'Succeeded' || phase === 'Failed'
    if (!ended) deps.register(pod)
    status.observe(pod)
    if (!first) {
      workers.update(allocator.resize(pod))
      // What it gave back may be what others wait for.
      return allocator.retry()
    }
    if (ended || deletionTimestamp !== undefined || startedBefore(pod)) return workers.update(allocator.admit(pod))
    const others = workers.active().filter((other) => other.metadata.uid !== uid)
    const admission = judgePod(pod, deps.node(), others, deps.host)
    if (admission.type === 'admitted') return workers.update(allocator.admit(pod))
    if (admission.type === 'short' && makesRoom(pod, others, admission.shortages)) return
    log.info({ pod: formatPod(pod), reason: admission.decision.reason }, 'pod rejected')
    workers.update(pod, { ...admission.decision, rejected: true })
  }

  /** Critical Pods that come in when those whose place they take have stopped. */
  const waiting = new Map<string, readonly string[]>()

  /** True while room is being made: the Pod comes back when it is there. Upstream: CriticalPodAdmissionHandler. */
  const makesRoom = (pod: BoundPod, others: readonly BoundPod[], shortages: readonly Shortage[]): boolean => {
    const { uid } = pod.metadata
    if (!isCriticalPod(pod)) return false
    if (waiting.get(uid)?.some((victim) => !workers.isStopped(victim)) === true) return true
    const runs = new Set(workers.running().map(({ metadata }) => metadata.uid))
    const { running = [], ending = [] } = Object.groupBy(others, ({ metadata }) =>
      runs.has(metadata.uid) ? 'running' : 'ending',
    )
    const victims = victimsOf(pod, running, shortages)
    // Where all of them are not enough, those that are ending anyway may leave the rest.
    const leaving = (victims ?? ending).map(({ metadata }) => metadata.uid)
    if (victims === undefined && ending.length === 0) {
      waiting.delete(uid)
      return false
    }
    for (const victim of victims ?? []) {
      log.info({ pod: formatPod(victim), for: formatPod(pod) }, 'preempting a pod to free resources for a critical one')
      deps.preempt(victim, shortages[0]?.resource ?? '')
    }
    waiting.set(uid, leaving)
    return true
  }

  const admitWaiting = (): void => {
    for (const [uid, victims] of waiting) {
      if (victims.some((victim) => !workers.isStopped(victim))) continue
      waiting.delete(uid)
      const pod = pods.get(uid)
      if (pod !== undefined && isNew(pod)) accept(pod)
    }
  }

  const drop = (pod: BoundPod): void => {
    waiting.delete(pod.metadata.uid)
    pods.delete(pod.metadata.uid)
    deps.unregister(pod.metadata.uid)
    allocator.forget(pod.metadata.uid)
    workers.remove(pod.metadata.uid)
  }

  const cleanOrphans = async (): Promise<void> => {
    const [containers, sandboxes, folders] = await Promise.all([
      runtime.listContainers(),
      runtime.listPodSandboxes(),
      readdir(paths.pods).catch((): string[] => []),
    ])
    const found = new Set([
      ...containers.map(({ podUid }) => podUid),
      ...sandboxes.map(({ metadata }) => metadata.uid),
      ...folders,
    ])
    allocator.retain(new Set(pods.list().map(({ metadata }) => metadata.uid)))
    allocator.retry()
    await Promise.all(
      [...found]
        .filter((uid) => uid !== '' && pods.get(uid) === undefined && !workers.has(uid))
        .map(async (uid) => {
          log.info({ podUid: uid }, 'removing what is left of a pod that is gone')
          await syncer.cleanUp(uid).catch((error: unknown) => log.warn({ err: error, podUid: uid }, 'clean-up failed'))
        }),
    )
  }

  return {
    apiPod: (object) => {
      const pod = asBoundPod(object)
      if (pod === undefined) return
      if (isMirrorPod(pod)) {
        pods.setMirror(pod)
        const own = pods.staticOf(pod)
        if (own !== undefined) status.observe(own)
        deps.onMirrorChange()
      } else accept(pod)
    },
    apiPodGone: (object) => {
      const pod = asBoundPod(object)
      if (pod === undefined) return
      if (isMirrorPod(pod)) {
        pods.deleteMirror(pod)
        deps.onMirrorChange()
      } else drop(pod)
    },
    staticPods: (found) => {
      const next = new Map(found.map((pod) => [pod.metadata.uid, pod]))
      for (const [uid, pod] of statics) if (!next.has(uid)) drop(pod)
      for (const [uid, pod] of next) if (!statics.has(uid)) accept(pod)
      statics = next
      deps.onMirrorChange()
    },
    admitWaiting,
    cleanOrphans,
    runHousekeeping: async (signal) => {
      while (!signal.aborted) {
        await sleep(housekeepingMs, signal).catch(() => undefined)
        if (!signal.aborted)
          await cleanOrphans().catch((error: unknown) => log.warn({ err: error }, 'housekeeping failed'))
      }
    },
  }
}
