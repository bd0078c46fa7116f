/**
 * Looks after the node's memory, disks and processes: tells of pressure, frees what nobody needs, and ends Pods when
 * that is not enough, one at a time. Upstream: pkg/kubelet/eviction.
 *
 * Every ten seconds, and again as soon as an evicted Pod is gone: local limits of Pods first, then pressure. The
 * decisions are in pure files; here is only who is asked and who is told.
 */
import type { Node } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Counter } from 'prom-client'
import { type BoundPod, formatPod, isCriticalPod } from '../pod.ts'
import type { EventRecorder } from '../recorder.ts'
import type { Decision } from '../sync/pod-syncer.ts'
import { hasLocalLimit, localExcess } from './local-storage.ts'
import { evictionMessage } from './message.ts'
import type { Observations } from './observations.ts'
import {
  isMet,
  mostUrgent,
  nextRound,
  noPressure,
  type PressureCondition,
  resourceOf,
  type StarvedResource,
} from './pressure.ts'
import { type Candidate, rank } from './rank.ts'
import { type Threshold, withContainerFs } from './thresholds.ts'

/** What the node and its Pods use now. */
export interface UsageSource {
  readonly observations: () => Promise<Observations>
  /** Images and layers of containers have a file system of their own. */
  readonly hasImageFs: () => Promise<boolean>
  /** `disk`: what they have on the disk is asked for, too. */
  readonly candidates: (pods: readonly BoundPod[], disk: boolean) => Promise<readonly Candidate[]>
}

export interface EvictionDeps {
  readonly thresholds: readonly Threshold[]
  readonly pressureTransitionMs: number
  readonly maxPodGraceSeconds: number
  readonly localStorageIsolation: boolean
  readonly usage: UsageSource
  /** Pods that run and are not ending. */
  readonly runningPods: () => readonly BoundPod[]
  readonly evict: (podUid: string, decided: Decision, graceSeconds: number) => void
  /** Nothing of the Pod runs any more. */
  readonly isStopped: (podUid: string) => boolean
  /** Frees containers that have ended, then images that nobody uses. */
  readonly reclaimDisk: () => Promise<void>
  readonly node: () => Node | undefined
  readonly nodeName: string
  readonly recorder: EventRecorder
  readonly evictions: Counter<'eviction_signal'>
  readonly onConditionsChanged: () => void
  readonly now: () => number
  readonly log: Logger
}

export interface EvictionManager {
  /** Conditions of the node that are true now. */
  conditions(): readonly PressureCondition[]
  /** One look; the Pods that it evicts. */
  synchronize(): Promise<readonly BoundPod[]>
  run(signal: AbortSignal): Promise<void>
}

const periodMs = 10_000
const cleanupTimeoutMs = 30_000
const cleanupPollMs = 1000
/** Of a Pod whose end cannot wait. */
const immediateGraceSeconds = 1

const isOnDisk = (resource: StarvedResource): boolean => resource === 'ephemeral-storage' || resource === 'inodes'

export const createEvictionManager = (deps: EvictionDeps): EvictionManager => {
  const { usage, recorder, log, now } = deps
  let state = noPressure
  let conditions: readonly PressureCondition[] = []

  const evictPod = (pod: BoundPod, decided: Decision, graceSeconds: number, signal: string): boolean => {
    if (isCriticalPod(pod)) {
      log.error({ pod: formatPod(pod) }, 'eviction manager: cannot evict a critical pod')
      return false
    }
    recorder.event(pod, 'Warning', decided.reason, decided.message)
    deps.evictions.inc({ eviction_signal: signal })
    deps.evict(pod.metadata.uid, decided, graceSeconds)
    log.info({ pod: formatPod(pod), message: decided.message }, 'pod evicted')
    return true
  }

  const evictForLocalLimits = async (hasImageFs: boolean): Promise<BoundPod[]> => {
    if (!deps.localStorageIsolation) return []
    const limited = await usage.candidates(deps.runningPods().filter(hasLocalLimit), true)
    return limited.flatMap(({ pod, use }) => {
      const excess = use?.disk === undefined ? undefined : localExcess(pod, use.disk, hasImageFs)
      if (excess === undefined) return []
      const decided = { reason: 'Evicted', message: excess.message }
      return evictPod(pod, decided, immediateGraceSeconds, excess.limit) ? [pod] : []
    })
  }

  /** True when that was enough. */
  const reclaimNode = async (threshold: Threshold, thresholds: readonly Threshold[]): Promise<boolean> => {
    if (!isOnDisk(resourceOf(threshold.signal))) return false
    await deps.reclaimDisk().catch((error: unknown) => log.warn({ err: error }, 'the disk cannot be reclaimed'))
    const observations = await usage.observations()
    return !thresholds.some((other) => isMet(other, observations, true))
  }

  const evictForPressure = async (
    due: readonly Threshold[],
    all: readonly Threshold[],
    context: { readonly observations: Observations; readonly hasImageFs: boolean },
  ): Promise<BoundPod[]> => {
    const threshold = mostUrgent(due)
    if (threshold === undefined) return []
    const resource = resourceOf(threshold.signal)
    log.warn({ resource, signal: threshold.signal }, 'eviction manager: attempting to reclaim')
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      ...deps.node(),
      metadata: { name: deps.nodeName, ...deps.node()?.metadata },
    }
    recorder.event(node, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`)
    if (await reclaimNode(threshold, all)) return []
    const candidates = await usage.candidates(deps.runningPods(), isOnDisk(resource))
    for (const candidate of rank(candidates, threshold.signal, context.hasImageFs)) {
      const message = evictionMessage(candidate, resource, { due, observations: context.observations })
      const decided = { reason: 'Evicted', message, disruption: message }
      const grace = threshold.graceMs === 0 ? immediateGraceSeconds : deps.maxPodGraceSeconds
      if (evictPod(candidate.pod, decided, grace, threshold.signal)) return [candidate.pod]
    }
    log.error('eviction manager: unable to evict any pods from the node')
    return []
  }

  const setConditions = (next: readonly PressureCondition[]): void => {
    const changed = next.length !== conditions.length || next.some((condition) => !conditions.includes(condition))
    conditions = next
    if (changed) deps.onConditionsChanged()
  }

  const synchronize = async (): Promise<readonly BoundPod[]> => {
    if (deps.thresholds.length === 0 && !deps.localStorageIsolation) return []
    const hasImageFs = await usage.hasImageFs()
    const thresholds = thresholdsFor(hasImageFs)
    const observations = await usage.observations()
    const round = nextRound(state, thresholds, observations, { now: now(), transitionMs: deps.pressureTransitionMs })
    state = round.state
    setConditions(round.conditions)
    const evicted = await evictForLocalLimits(hasImageFs)
    if (evicted.length > 0) return evicted
    return evictForPressure(state.due, thresholds, { observations, hasImageFs })
  }

  let known: { readonly hasImageFs: boolean; readonly thresholds: readonly Threshold[] } | undefined
  /** The same objects every time: the state of pressure knows thresholds by identity. */
  const thresholdsFor = (hasImageFs: boolean): readonly Threshold[] => {
    if (known?.hasImageFs !== hasImageFs) {
      known = { hasImageFs, thresholds: withContainerFs(deps.thresholds, hasImageFs) }
    }
    return known.thresholds
  }

  const waitForCleanup = async (pods: readonly BoundPod[], signal: AbortSignal): Promise<void> => {
    const until = now() + cleanupTimeoutMs
    while (now() < until && !pods.every(({ metadata }) => deps.isStopped(metadata.uid))) {
      await sleep(cleanupPollMs, signal)
    }
  }

  return {
    conditions: () => conditions,
    synchronize,
    run: async (signal) => {
      try {
        while (!signal.aborted) {
          const evicted = await synchronize().catch((error: unknown): BoundPod[] => {
            log.error({ err: error }, 'eviction manager: failed to synchronize')
            return []
          })
          if (evicted.length > 0) await waitForCleanup(evicted, signal)
          else await sleep(periodMs, signal)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}
