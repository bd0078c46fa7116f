/** Columns of events, the same for both groups. Upstream: printEvent. */
import type { PrinterColumn } from '../kind.ts'
import { column, nameColumn, textOr, wideColumn } from '../printers/columns.ts'
import { age } from '../printers/duration.ts'
import type { Event } from '../types.ts'

const firstSeen = (event: Event): string | undefined => event.firstTimestamp ?? event.eventTime
const lastSeen = (event: Event): string | undefined =>
  event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event)

const subject = ({ involvedObject }: Event): string => {
  const kind = (involvedObject?.kind ?? '').toLowerCase()
  return (involvedObject?.name ?? '') === '' ? kind : `${kind}/${involvedObject?.name}`
}

const source = (event: Event): string => {
  const component = textOr(event.source?.component, event.reportingComponent ?? '')
  const host = textOr(event.source?.host, event.reportingInstance ?? '')
  return host === '' ? component : `${component}, ${host}`
}

export const eventColumns: readonly PrinterColumn<Event>[] = [
  column('Last Seen', 'Time since it happened last.', (event, now) => age(lastSeen(event), now)),
  column('Type', 'Normal or Warning.', (event) => event.type ?? ''),
  column('Reason', 'Why, in one word.', (event) => event.reason ?? ''),
  column('Object', 'What it is about.', subject),
  wideColumn('Subobject', 'Which part of the object.', (event) => event.involvedObject?.fieldPath ?? ''),
  wideColumn('Source', 'Who reports it.', source),
  column('Message', 'What happened.', (event) => (event.message ?? '').trim()),
  wideColumn('First Seen', 'Time since it happened first.', (event, now) => age(firstSeen(event), now)),
  wideColumn('Count', 'How often it happened.', (event) => String(event.series?.count ?? (event.count || 1))),
  { ...nameColumn, priority: 1 },
]
