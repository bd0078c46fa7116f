/** Where events go. Upstream: audit.Backend, and what wraps one. */
import type { Logger } from '../../component-base/logging/logger.ts'
import type { AuditEvent } from './event.ts'
import { eventLine } from './legacy-format.ts'
import type { AuditMetrics } from './metrics.ts'

export interface AuditBackend {
  /** Resolves to false if any of the events was lost and the request that they are of may not go on. Never rejects. */
  process(events: readonly AuditEvent[]): Promise<boolean> | boolean
  /** Writes what waits, and lets go. */
  close(): Promise<void>
}

/** Tells of events that a backend lost. Upstream: audit.HandlePluginError */
export type ReportLoss = (plugin: string, error: unknown, lost: readonly AuditEvent[]) => void

/** Enough to find out what was lost; one request can lose no more than its own few events, a batch hundreds. */
const maxNamed = 20

export const createLossReporter =
  (metrics: AuditMetrics, log: Logger): ReportLoss =>
  (plugin, error, lost) => {
    metrics.error(plugin, lost.length)
    log.error(
      { err: error, plugin, count: lost.length, events: lost.slice(0, maxNamed).map(eventLine) },
      'audit events lost',
    )
  }

/** Events are lost rather than requests. */
export const ignoringErrors = (backend: AuditBackend): AuditBackend => ({
  process: async (events) => {
    await backend.process(events)
    return true
  },
  close: () => backend.close(),
})

export const unionBackend = (backends: readonly AuditBackend[]): AuditBackend => {
  const [only] = backends
  if (backends.length === 1 && only !== undefined) return only
  return {
    process: async (events) => {
      const results = await Promise.all(backends.map(async (backend) => backend.process(events)))
      return results.every(Boolean)
    },
    close: async () => void (await Promise.all(backends.map((backend) => backend.close()))),
  }
}
