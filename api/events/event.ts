import { eventColumns } from '../core/event-columns.ts'
import { eventKind } from '../core/event.ts'
import { validateEvent, validateNewStrictEvent, validateStrictEventUpdate } from '../core/validate-event.ts'
import { defineKind } from '../kind.ts'
import type { Event, EventsV1Event, KubeObject } from '../types.ts'

/** Drops absent fields, so that a converted object has only keys that say something. */
const present = <T extends object>(fields: T): T => {
  for (const [name, value] of Object.entries(fields)) if (value === undefined) Reflect.deleteProperty(fields, name)
  return fields
}

/** events.k8s.io/v1 to core/v1: the stored form. Upstream: pkg/apis/core/v1 conversion of Event. */
const toStored = (event: EventsV1Event): Event =>
  present({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: event.metadata ?? {},
    involvedObject: event.regarding ?? {},
    related: event.related,
    reason: event.reason,
    message: event.note,
    source: event.deprecatedSource ?? {},
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    type: event.type,
    eventTime: event.eventTime ?? undefined,
    series: event.series,
    action: event.action,
    reportingComponent: event.reportingController ?? '',
    reportingInstance: event.reportingInstance ?? '',
  })

const fromStored = (object: KubeObject): EventsV1Event => {
  // The registry hands over only what is stored under /registry/events.
  const event = object as Event
  return present({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: event.metadata,
    // Absent is null on the wire; the generated type has it required.
    eventTime: event.eventTime ?? (null as unknown as string),
    // The two generated types differ only in what they call required.
    series: event.series as EventsV1Event['series'],
    reportingController: event.reportingComponent,
    reportingInstance: event.reportingInstance,
    action: event.action,
    reason: event.reason,
    regarding: event.involvedObject,
    related: event.related,
    note: event.message,
    type: event.type,
    deprecatedSource: event.source,
    deprecatedFirstTimestamp: event.firstTimestamp,
    deprecatedLastTimestamp: event.lastTimestamp,
    deprecatedCount: event.count,
  })
}

export const eventsV1EventKind = defineKind<EventsV1Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  scope: 'Namespaced',
  shortNames: ['ev'],
  allowCreateOnUpdate: true,
  selectableFields: {
    'regarding.kind': (event) => event.regarding?.kind ?? '',
    'regarding.namespace': (event) => event.regarding?.namespace ?? '',
    'regarding.name': (event) => event.regarding?.name ?? '',
    'regarding.uid': (event) => event.regarding?.uid ?? '',
    'regarding.apiVersion': (event) => event.regarding?.apiVersion ?? '',
    'regarding.resourceVersion': (event) => event.regarding?.resourceVersion ?? '',
    'regarding.fieldPath': (event) => event.regarding?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingController: (event) => event.reportingController ?? '',
    type: (event) => event.type ?? '',
  },
  validate: (event) => validateEvent(toStored(event)),
  validateCreate: (event) => validateNewStrictEvent(toStored(event)),
  validateUpdate: (event, old) => validateStrictEventUpdate(toStored(event), toStored(old)),
  columns: eventColumns.map((column) => ({ ...column, cell: (event, now) => column.cell(toStored(event), now) })),
  storedAs: { kind: eventKind, toStored, fromStored },
})
