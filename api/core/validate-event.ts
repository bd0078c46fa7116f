/** Events: the rules of old, and the strict ones of events.k8s.io/v1. Upstream: pkg/apis/core/validation/events.go. */
import { absent, immutable, syntax } from '../meta/checks.ts'
import { type FieldError, invalid, required } from '../meta/field-error.ts'
import { isDns1123Subdomain, isQualifiedName } from '../meta/names.ts'
import type { Event } from '../types.ts'

const maxNameBytes = 128
const maxNoteBytes = 1024

const requiredWithin = (field: string, value: string | undefined): FieldError[] => {
  if (absent(value)) return [required(field)]
  return withinBytes(field, value, maxNameBytes)
}

const withinBytes = (field: string, value: string | undefined, max: number): FieldError[] =>
  Buffer.byteLength(value ?? '') > max ? [invalid(field, '', `can have at most ${max} characters`)] : []

/** An event lies in the namespace of what it is about; cluster-scoped things have theirs in `default`. */
const namespaceMatches = (event: Event): boolean => {
  const namespace = event.metadata?.namespace ?? ''
  const about = event.involvedObject?.namespace ?? ''
  if (absent(event.eventTime)) return about === '' ? namespace === '' || namespace === 'default' : about === namespace
  return about !== '' || namespace === 'default' || namespace === 'kube-system'
}

/** `controller` is what the API of the request calls that field. Holds for an event of either API, at any time. One with eventTime comes from a new client: more is asked of it. */
export const validateEvent = (event: Event, controller = 'reportingController'): FieldError[] => {
  const errors: FieldError[] = []
  if (!namespaceMatches(event)) {
    errors.push(
      invalid('involvedObject.namespace', event.involvedObject?.namespace ?? '', 'does not match event.namespace'),
    )
  }
  if (!absent(event.eventTime)) {
    if (absent(event.reportingComponent)) errors.push(required(controller))
    errors.push(
      ...syntax(controller, event.reportingComponent, isQualifiedName),
      ...requiredWithin('reportingInstance', event.reportingInstance),
      ...requiredWithin('action', event.action),
      ...requiredWithin('reason', event.reason),
      ...withinBytes('message', event.message, maxNoteBytes),
    )
  }
  return [...errors, ...syntax('namespace', event.metadata?.namespace, isDns1123Subdomain)]
}

const validateSeries = ({ series }: Event): FieldError[] => {
  if (series === undefined || series === null) return []
  const errors: FieldError[] = []
  if ((series.count ?? 0) < 2) errors.push(invalid('series.count', '', 'should be at least 2'))
  if (absent(series.lastObservedTime)) errors.push(required('series.lastObservedTime'))
  return errors
}

const mustBeUnset = (field: string): FieldError => invalid(field, '', 'needs to be unset')

/** What a new event of events.k8s.io/v1 must have beside `validateEvent`. */
export const validateNewStrictEvent = (event: Event): FieldError[] => {
  const errors = validateSeries(event)
  if (absent(event.eventTime)) errors.push(required('eventTime'))
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(invalid('type', '', `has invalid value: ${event.type ?? ''}`))
  }
  for (const field of ['firstTimestamp', 'lastTimestamp'] as const) {
    if (!absent(event[field])) errors.push(mustBeUnset(field))
  }
  if ((event.count ?? 0) !== 0) errors.push(mustBeUnset('count'))
  if (!absent(event.source?.component) || !absent(event.source?.host)) errors.push(mustBeUnset('source'))
  return errors
}

/** Field of the stored form, in upstream's order, and its name in errors. */
const fixedFields = [
  ['involvedObject', 'involvedObject'],
  ['reason', 'reason'],
  ['message', 'message'],
  ['source', 'source'],
  ['firstTimestamp', 'firstTimestamp'],
  ['lastTimestamp', 'lastTimestamp'],
  ['count', 'count'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['action', 'action'],
  ['related', 'related'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
] as const

/** Through events.k8s.io/v1 only the series changes. */
export const validateStrictEventUpdate = (event: Event, old: Event): FieldError[] => [
  ...(immutable('series', event.series, old.series).length > 0 ? validateSeries(event) : []),
  ...fixedFields.flatMap(([field, name]) => immutable(name, event[field], old[field])),
]
