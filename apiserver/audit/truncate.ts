/** Bounds the size of events and of batches. Upstream: plugin/pkg/audit/truncate */
import type { AuditBackend, ReportLoss } from './backend.ts'
import { type AuditEvent, encodeEvent } from './event.ts'

export interface TruncateOptions {
  readonly maxEventBytes: number
  readonly maxBatchBytes: number
}

/** With its newline, as upstream counts. */
const sizeOf = (event: AuditEvent): number => Buffer.byteLength(encodeEvent(event)) + 1

/** Without what is usually big. */
const truncated = ({ requestObject: _request, responseObject: _response, ...event }: AuditEvent): AuditEvent => ({
  ...event,
  annotations: { ...event.annotations, 'audit.k8s.io/truncated': 'true' },
})

export const truncating = (
  backend: AuditBackend,
  { maxEventBytes, maxBatchBytes }: TruncateOptions,
  reportLoss: ReportLoss,
): AuditBackend => ({
  process: async (events) => {
    const batches: AuditEvent[][] = []
    const tooLarge: AuditEvent[] = []
    let batchBytes = Number.POSITIVE_INFINITY
    for (const original of events) {
      let event = original
      let size = sizeOf(event)
      if (size > maxEventBytes && (event.level === 'Request' || event.level === 'RequestResponse')) {
        event = truncated(event)
        size = sizeOf(event)
      }
      if (size > maxEventBytes) {
        tooLarge.push(event)
        continue
      }
      if (batchBytes + size > maxBatchBytes) {
        batches.push([])
        batchBytes = 0
      }
      batches.at(-1)?.push(event)
      batchBytes += size
    }
    const stored = await Promise.all(batches.map(async (batch) => backend.process(batch)))
    if (tooLarge.length > 0) reportLoss('truncate', new Error('event is too large even after truncating'), tooLarge)
    return stored.every(Boolean)
  },
  close: () => backend.close(),
})
