/**
 * Ends Pods in good order before the machine goes down: holds the shutdown back, and lets it go on when all have ended
 * or their time is over. Meanwhile the node is not Ready and lets no Pod in. Upstream: nodeshutdown_manager_linux.go.
 */
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ShutdownGrace } from '../config/config.ts'
import type { BoundPod } from '../pod.ts'
import type { Decision } from '../sync/pod-syncer.ts'
import { graceOf, shutdownGroups, totalGraceMs } from './groups.ts'

/** Who tells of a shutdown of the machine, and can hold it back: systemd-logind. */
export interface ShutdownSource {
  /** How long it lets itself be held back. */
  readonly maxDelayMs: () => Promise<number>
  readonly setMaxDelay: (ms: number) => Promise<void>
  /** Holds a shutdown back until the returned function is called. */
  readonly inhibit: () => Promise<() => void>
  /** True when the machine is about to go down, false when it is not any more. */
  readonly changes: (signal: AbortSignal) => AsyncIterable<boolean>
}

export interface ShutdownDeps {
  /** Empty: a shutdown is not waited for. */
  readonly grace: readonly ShutdownGrace[]
  readonly source: ShutdownSource
  readonly runningPods: () => readonly BoundPod[]
  readonly evict: (podUid: string, decided: Decision, graceSeconds: number) => void
  readonly isStopped: (podUid: string) => boolean
  /** The node's Ready condition has another cause now. */
  readonly onChange: () => void
  readonly now: () => number
  readonly log: Logger
}

export interface ShutdownManager {
  /** '' while the machine stays. */
  reason(): string
  run(signal: AbortSignal): Promise<void>
}

const shutdownMessage = 'Pod was terminated in response to imminent node shutdown.'
const decided: Decision = { reason: 'Terminated', message: shutdownMessage, disruption: shutdownMessage }
const pollMs = 200

export const createShutdownManager = (deps: ShutdownDeps): ShutdownManager => {
  const { grace, source, log, now } = deps
  let shuttingDown = false

  const endGroup = async (pods: readonly BoundPod[], graceSeconds: number, signal: AbortSignal): Promise<void> => {
    for (const pod of pods) deps.evict(pod.metadata.uid, decided, graceOf(pod, graceSeconds))
    const until = now() + graceSeconds * 1000
    const isOver = (): boolean => pods.every(({ metadata }) => deps.isStopped(metadata.uid))
    while (!isOver() && now() < until && shuttingDown) await sleep(pollMs, signal)
    if (!isOver()) log.warn({ graceSeconds }, 'shutdown manager: pods have not ended in time')
  }

  const endPods = async (signal: AbortSignal): Promise<void> => {
    for (const { pods, graceSeconds } of shutdownGroups(grace, deps.runningPods())) {
      if (!shuttingDown) return
      log.info({ pods: pods.length, graceSeconds }, 'shutdown manager: ending a group of pods')
      await endGroup(pods, graceSeconds, signal)
    }
  }

  const prepare = async (): Promise<() => void> => {
    const wantedMs = totalGraceMs(grace)
    if ((await source.maxDelayMs()) < wantedMs) {
      await source.setMaxDelay(wantedMs)
      const actualMs = await source.maxDelayMs()
      if (actualMs < wantedMs) {
        throw new Error(
          `node shutdown manager was timed out waiting for logind InhibitDelayMaxSec to update to ${wantedMs / 1000}s (ShutdownGracePeriod), current value is ${actualMs / 1000}s`,
        )
      }
    }
    return source.inhibit()
  }

  const follow = async (signal: AbortSignal): Promise<void> => {
    let release = await prepare()
    let ending: Promise<void> | undefined
    try {
      for await (const next of source.changes(signal)) {
        if (next === shuttingDown) continue
        shuttingDown = next
        deps.onChange()
        log.info({ shuttingDown }, 'shutdown manager: the machine changed its mind')
        if (next) {
          const held = release
          ending = endPods(signal)
            .catch((error: unknown) => {
              if (!signal.aborted) log.error({ err: error }, 'shutdown manager: pods cannot be ended')
            })
            .finally(held)
        } else {
          await ending
          release = await source.inhibit()
        }
      }
    } finally {
      await ending
      release()
    }
  }

  return {
    reason: () => (shuttingDown ? 'node is shutting down' : ''),
    run: async (signal) => {
      if (grace.length === 0) return
      await follow(signal).catch((error: unknown) => {
        if (!signal.aborted) log.error({ err: error }, 'Failed to start node shutdown manager')
      })
    },
  }
}
