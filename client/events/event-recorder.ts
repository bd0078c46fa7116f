/** Events about objects, for users: gathered, counted where they repeat, and written in the background. */
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { events as eventsRef } from '../../api/resources.ts'
import type { Event, KubeObject } from '../../api/types.ts'
import { Backoff } from '../../component-base/backoff.ts'
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { EventCorrelator, type EventEntry } from './event-correlator.ts'

export interface EventSource {
  readonly component: string
  /** The node, for what runs on one. */
  readonly host?: string
}

/** What an event may point at beside the object: `spec.containers{web}`. */
export interface EventOptions {
  readonly fieldPath?: string
}

export interface EventRecorder {
  /** Never throws and never waits; an event is dropped when too many wait, or its object made too many. */
  readonly event: (
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    options?: EventOptions,
  ) => void
}

/** Entries that may wait to be written. */
const maxQueued = 1_000
/** Writes under way at once. */
const writers = 4
/** Writes of an event before it is given up: enough to outlive a restart of the API server. */
const attempts = 8
const maxNameLength = 253
const maxMessageLength = 1_024

/** Fields of the Event that its repeats share. */
interface Subject {
  readonly namespace: string
  readonly involvedObject: Record<string, unknown>
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
}

const subjectOf = (object: KubeObject, fieldPath: string | undefined): Omit<Subject, 'type' | 'reason'> => {
  const { name, namespace, uid, resourceVersion } = object.metadata ?? {}
  const { apiVersion = 'v1', kind = '' } = object
  return {
    // Objects without a namespace have their events in this one.
    namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    involvedObject: { apiVersion, kind, name: name ?? '', namespace, uid, resourceVersion, fieldPath },
  }
}

/** `<object>.<time>`: the time in nanoseconds makes the name unique, as upstream's do. */
const eventName = (object: string, now: number): string => {
  const suffix = (BigInt(Math.floor(now)) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16)
  return `${object.slice(0, maxNameLength - suffix.length - 1)}.${suffix}`
}

/** Refused for good: the namespace is going, or we may not. */
const isFinal = (error: unknown): boolean => isReason(error, 'Forbidden', 'Invalid', 'BadRequest', 'NotFound')

export const createEventRecorder = (
  client: Pick<RestClient, 'create' | 'patch'>,
  source: EventSource,
  { clock = realClock, log }: { readonly clock?: Clock; readonly log?: Logger } = {},
): EventRecorder => {
  const correlator = new EventCorrelator()
  /** Entries with something unwritten, oldest first: one that repeats while it waits is still written once. */
  const pending = new Map<EventEntry, Subject>()
  const inFlight = new Set<EventEntry>()
  let writing = 0

  const create = async (entry: EventEntry, { namespace, ...subject }: Subject): Promise<void> => {
    // The same name in every attempt: one that was lost on its way back is not written twice.
    const name = entry.stored?.name ?? eventName(String(subject.involvedObject['name']), clock.now())
    entry.stored = { name, isWritten: false }
    try {
      await client.create(eventsRef, {
        metadata: { name, namespace },
        ...subject,
        message: entry.message,
        source: { ...source },
        firstTimestamp: nowRfc3339(entry.firstAt),
        lastTimestamp: nowRfc3339(entry.lastAt),
        count: entry.count,
        reportingComponent: source.component,
        reportingInstance: source.host ?? '',
      } as unknown as Event)
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
    }
    entry.stored = { name, isWritten: true }
  }

  const write = async (entry: EventEntry, subject: Subject): Promise<void> => {
    if (entry.stored?.isWritten !== true) return create(entry, subject)
    const body = { count: entry.count, lastTimestamp: nowRfc3339(entry.lastAt), message: entry.message }
    try {
      await client.patch(eventsRef, entry.stored.name, subject.namespace, body, { type: 'merge' })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      entry.stored = undefined // it has expired meanwhile
      await create(entry, subject)
    }
  }

  const writeWithRetries = async (entry: EventEntry, subject: Subject): Promise<void> => {
    const backoff = new Backoff({ initialMs: 250, maxMs: 5_000, jitter: 0.5 })
    for (let attempt = 1; ; attempt++) {
      try {
        return await write(entry, subject)
      } catch (err) {
        if (attempt === attempts || isFinal(err)) {
          log?.debug({ err, reason: subject.reason }, 'event dropped')
          return
        }
        await sleep(backoff.next(), undefined, clock)
      }
    }
  }

  const next = (): [EventEntry, Subject] | undefined => {
    for (const item of pending) if (!inFlight.has(item[0])) return item
    return undefined
  }

  const work = async (): Promise<void> => {
    writing++
    for (let item = next(); item !== undefined; item = next()) {
      const [entry, subject] = item
      pending.delete(entry)
      inFlight.add(entry)
      await writeWithRetries(entry, subject)
      inFlight.delete(entry)
    }
    writing--
  }

  return {
    event: (object, type, reason, message, { fieldPath } = {}) => {
      const subject: Subject = { ...subjectOf(object, fieldPath), type, reason }
      const { kind, name, uid } = subject.involvedObject
      const entry = correlator.observe(
        {
          object: `${String(kind)}/${subject.namespace}/${String(name)}/${String(uid)}`,
          type,
          reason,
          message: message.slice(0, maxMessageLength),
          fieldPath: fieldPath ?? '',
        },
        clock.now(),
      )
      if (entry === undefined) return
      if (pending.size >= maxQueued && !pending.has(entry)) return
      pending.set(entry, subject)
      if (writing < writers) void work()
    },
  }
}
