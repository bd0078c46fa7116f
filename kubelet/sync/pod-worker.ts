/**
 * One worker per Pod, which does one thing after the other: sync, then terminate, then finish. Upstream: pod_workers.go.
 *
 *     syncing ──(deleted, ended, evicted)──► terminating ──(containers stopped)──► terminated ──(finish)──► finished
 *
 * A state is never left backwards. A deletion interrupts a running sync; a shorter grace period interrupts a running
 * termination. What comes while the worker is busy is done after it, and only once.
 */
import { Backoff } from '../../component-base/backoff.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { type BoundPod, formatPod } from '../pod.ts'
import { type Decision, type PodSyncer, RetryLater } from './pod-syncer.ts'

type WorkerState = 'syncing' | 'terminating' | 'terminated' | 'finished'

const retryInitialMs = 1000
const retryMaxMs = 30_000

interface Worker {
  pod: BoundPod
  state: WorkerState
  /** Something happened since the last pass began. */
  dirty: boolean
  running: boolean
  abort: AbortController
  graceSeconds: number | undefined
  decided: Decision | undefined
  timer: NodeJS.Timeout | undefined
  readonly backoff: Backoff
  /** The last pass failed and its retry is set. */
  failing: boolean
  /** The runtime had news during the pass. */
  changedByRuntime: boolean
  /** Removed from its source: cleaned up when finished. */
  removed: boolean
}

export interface PodWorkers {
  /** A new or changed Pod; a new one that was rejected goes straight to its end. */
  update(pod: BoundPod, rejected?: Decision): void
  /** The same Pod with another status: nothing to do, but later passes are to know it. */
  refresh(pod: BoundPod): void
  /** Ends the Pod early: eviction, preemption. */
  evict(podUid: string, decided: Decision, graceSeconds: number | undefined): void
  /** The Pod is no longer in its source. */
  remove(podUid: string): void
  /** A probe or an object that the Pod uses has news. */
  wake(podUid: string): void
  /** The runtime has news. After a failed pass that is mostly its own echo: the retry waits for its time. */
  runtimeChanged(podUid: string): void
  has(podUid: string): boolean
  /** Pods that still hold resources of the node. */
  active(): readonly BoundPod[]
  /** Of those the ones that are to run: not ended, not ending. */
  running(): readonly BoundPod[]
  /** Everything of the Pod has stopped, or there is no such Pod. */
  isStopped(podUid: string): boolean
  /** Waits for what is under way, starts nothing more. Containers go on running. */
  stop(): Promise<void>
}

export interface PodWorkersDeps {
  readonly syncer: PodSyncer
  readonly log: Logger
  /** How often a Pod is looked at without cause. */
  readonly resyncMs: number
  /** Told when a Pod is cleaned up: one of the same name may start now. */
  readonly onGone: (pod: BoundPod) => void
  /** Told when a Pod holds nothing of the node any more. */
  readonly onFreed: () => void
}

const isTerminalInApi = ({ status }: BoundPod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'

export const createPodWorkers = ({ syncer, log, resyncMs, onGone, onFreed }: PodWorkersDeps): PodWorkers => {
  const workers = new Map<string, Worker>()
  const passes = new Set<Promise<void>>()
  let stopped = false

  const terminateLater = (worker: Worker): void => {
    if (worker.state !== 'syncing') return
    worker.state = 'terminating'
    // A start, a pull or a hook in progress is of no use any more.
    worker.abort.abort(new Error('the pod is terminating'))
  }

  const pass = async (worker: Worker): Promise<number | undefined> => {
    const { pod } = worker
    worker.abort = new AbortController()
    const { signal } = worker.abort
    switch (worker.state) {
      case 'syncing': {
        const result = await syncer.sync(pod, signal)
        if (!result.terminal) return result.requeueAfterMs ?? resyncMs
        worker.decided ??= result.decided
        if (worker.state === 'syncing') worker.state = 'terminating'
        worker.dirty = true
        return undefined
      }
      case 'terminating':
        await syncer.terminate(pod, { graceSeconds: worker.graceSeconds, decided: worker.decided, signal })
        worker.state = 'terminated'
        worker.dirty = true
        return undefined
      case 'terminated':
        await syncer.finish(worker.pod)
        worker.state = 'finished'
        worker.dirty = worker.removed
        onFreed()
        return undefined
      case 'finished':
        if (!worker.removed) return undefined
        await syncer.cleanUp(pod.metadata.uid)
        clearTimeout(worker.timer)
        workers.delete(pod.metadata.uid)
        onGone(pod)
        return undefined
    }
  }

  const wakeLater = (worker: Worker, ms: number): void => {
    clearTimeout(worker.timer)
    if (stopped) return
    worker.timer = setTimeout(() => wake(worker), Math.min(ms, 2 ** 31 - 1))
  }

  const loop = async (worker: Worker): Promise<void> => {
    while (worker.dirty && !stopped) {
      worker.dirty = false
      worker.changedByRuntime = false
      clearTimeout(worker.timer)
      const before = worker.state
      try {
        const again = await pass(worker)
        worker.backoff.reset()
        worker.failing = false
        if (worker.changedByRuntime) worker.dirty = true
        else if (again !== undefined) wakeLater(worker, again)
      } catch (error) {
        if (worker.abort.signal.aborted) {
          worker.dirty = true
          continue
        }
        const delayMs = worker.backoff.next()
        worker.failing = true
        const level = error instanceof RetryLater ? 'debug' : 'warn'
        log[level]({ err: error, pod: formatPod(worker.pod), state: before, delayMs }, 'pod sync failed')
        wakeLater(worker, delayMs)
      }
    }
  }

  const wake = (worker: Worker): void => {
    worker.dirty = true
    if (worker.running || stopped) return
    worker.running = true
    const running = loop(worker).finally(() => {
      worker.running = false
      passes.delete(running)
      // Between the loop's last look and now something may have come.
      if (worker.dirty && workers.get(worker.pod.metadata.uid) === worker) wake(worker)
    })
    passes.add(running)
  }

  const create = (pod: BoundPod): Worker => ({
    pod,
    state: 'syncing',
    dirty: false,
    running: false,
    abort: new AbortController(),
    graceSeconds: undefined,
    decided: undefined,
    timer: undefined,
    backoff: new Backoff({ initialMs: retryInitialMs, maxMs: retryMaxMs, factor: 2, jitter: 0.1 }),
    failing: false,
    changedByRuntime: false,
    removed: false,
  })

  const shortenGrace = (worker: Worker, seconds: number): void => {
    if (worker.graceSeconds !== undefined && worker.graceSeconds <= seconds) return
    const interrupts = worker.state === 'terminating' && worker.graceSeconds !== undefined
    worker.graceSeconds = seconds
    if (interrupts) worker.abort.abort(new Error('a shorter grace period was asked for'))
  }

  return {
    update: (pod, rejected) => {
      const { uid, deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata
      const worker = workers.get(uid) ?? create(pod)
      if (!workers.has(uid)) {
        workers.set(uid, worker)
        worker.decided = rejected
        if (isTerminalInApi(pod) || rejected !== undefined) worker.state = 'terminating'
      }
      worker.pod = pod
      if (deletionTimestamp !== undefined) {
        shortenGrace(worker, deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30)
        terminateLater(worker)
      }
      if (worker.state !== 'finished') wake(worker)
    },
    refresh: (pod) => {
      const worker = workers.get(pod.metadata.uid)
      if (worker !== undefined) worker.pod = pod
    },
    evict: (podUid, decided, graceSeconds) => {
      const worker = workers.get(podUid)
      if (worker === undefined || worker.state !== 'syncing') return
      worker.decided = decided
      if (graceSeconds !== undefined) shortenGrace(worker, graceSeconds)
      terminateLater(worker)
      wake(worker)
    },
    remove: (podUid) => {
      const worker = workers.get(podUid)
      if (worker === undefined) return
      worker.removed = true
      terminateLater(worker)
      // Deleted by force: nobody waits for it.
      if (worker.pod.metadata.deletionTimestamp === undefined)
        shortenGrace(worker, worker.pod.spec.terminationGracePeriodSeconds ?? 30)
      wake(worker)
    },
    wake: (podUid) => {
      const worker = workers.get(podUid)
      if (worker?.state === 'syncing') wake(worker)
    },
    runtimeChanged: (podUid) => {
      const worker = workers.get(podUid)
      if (worker === undefined || worker.state === 'finished' || worker.failing) return
      if (worker.running) worker.changedByRuntime = true
      else wake(worker)
    },
    has: (podUid) => workers.has(podUid),
    active: () =>
      [...workers.values()]
        .filter(({ state, decided }) => state !== 'finished' && decided?.rejected !== true)
        .map(({ pod }) => pod),
    running: () => [...workers.values()].filter(({ state }) => state === 'syncing').map(({ pod }) => pod),
    isStopped: (podUid) => {
      const state = workers.get(podUid)?.state
      return state === undefined || state === 'finished'
    },
    stop: async () => {
      stopped = true
      for (const worker of workers.values()) {
        clearTimeout(worker.timer)
        worker.abort.abort(new Error('the kubelet is stopping'))
      }
      await Promise.allSettled(passes)
    },
  }
}
