/** Events POSTed as EventLists. Upstream: plugin/pkg/audit/webhook */
import { type Webhook, withRetries } from '../webhook/webhook.ts'
import type { AuditBackend, ReportLoss } from './backend.ts'
import { apiVersion, encodeEvent } from './event.ts'

/** Every error is tried again: the events are lost else. */
export const createWebhookBackend = (
  webhook: Webhook,
  initialBackoffMs: number,
  reportLoss: ReportLoss,
): AuditBackend => ({
  process: async (events) => {
    const items = events.map(encodeEvent).join(',')
    const list = `{"kind":"EventList","apiVersion":"${apiVersion}","metadata":{},"items":[${items}]}`
    try {
      await withRetries(() => webhook.call(list), { initialMs: initialBackoffMs, shouldRetry: () => true })
      return true
    } catch (error) {
      reportLoss('webhook', error, events)
      return false
    }
  },
  close: async () => webhook.close(),
})
