/**
 * Turns the runtime's news into names of Pods to look at: its event stream, and a relist in case one was missed.
 * Upstream: pkg/kubelet/pleg.
 */
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'

export interface PlegOptions {
  readonly runtime: RuntimeService
  /** Called for each event; the receiver coalesces. */
  readonly onPodChanged: (podUid: string) => void
  readonly log: Logger
  /** How often everything is listed besides. */
  readonly relistMs: number
}

export interface Pleg {
  run(signal: AbortSignal): Promise<void>
  /** Throws when the runtime has not answered for three minutes. Upstream's words. */
  healthy(): void
}

const unhealthyMs = 180_000
const reconnectMs = 1000
/** Time that the event stream gets to open before the list is read. */
const settleMs = 300

export const createPleg = ({ runtime, onPodChanged, log, relistMs }: PlegOptions): Pleg => {
  let lastRelist = performance.now()
  /** What each container looked like at the last relist: `podUid` and state by ID. */
  let known = new Map<string, string>()

  const relist = async (): Promise<void> => {
    const [containers, sandboxes] = await Promise.all([runtime.listContainers(), runtime.listPodSandboxes()])
    const seen = new Map([
      ...containers.map(({ id, podUid, state }) => [id, `${podUid} ${state}`] as const),
      ...sandboxes.map(({ id, metadata, state }) => [id, `${metadata.uid} ${state}`] as const),
    ])
    const changed = new Set<string>()
    for (const [id, entry] of seen) if (known.get(id) !== entry) changed.add(entry)
    for (const [id, entry] of known) if (!seen.has(id)) changed.add(entry)
    known = seen
    lastRelist = performance.now()
    for (const uid of new Set([...changed].map((entry) => entry.split(' ')[0] ?? ''))) onPodChanged(uid)
  }

  const relistForever = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await relist().catch((error: unknown) => log.warn({ err: error }, 'the runtime cannot be listed'))
      await sleep(relistMs, signal)
    }
  }

  const followForever = async (signal: AbortSignal): Promise<void> => {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        // The engine was away: what happened meanwhile shows in the list only, once the stream is open again.
        if (attempt > 0)
          void sleep(settleMs, signal)
            .then(relist, () => undefined)
            .catch(() => undefined)
        for await (const { podUid } of runtime.events(signal)) onPodChanged(podUid)
      } catch (error) {
        log.warn({ err: error }, 'the runtime event stream broke')
      }
      if (signal.aborted) return
      await sleep(reconnectMs, signal)
    }
  }

  return {
    run: async (signal) => {
      try {
        await Promise.all([relistForever(signal), followForever(signal)])
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    healthy: () => {
      const ageMs = performance.now() - lastRelist
      if (ageMs > unhealthyMs + relistMs) {
        throw new Error(`pleg was last seen active ${Math.round(ageMs / 1000)}s ago; threshold is 3m0s`)
      }
    },
  }
}
