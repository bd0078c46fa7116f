/** Events about objects, for users: gathered, counted where they repeat, and written in the background. */
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { events as eventsRef } from '../../api/resources.ts'
import type { Event, KubeObject } from '../../api/types.ts'
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { RestClient } from '../rest/rest-client.ts'

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

/** Events that may wait to be written. */
const maxQueued = 1_000
/** Writes under way at once. */
const writers = 4
/** Spam filter of each source and object, upstream's numbers: 25 at once, then one every 5 minutes. */
const spamBurst = 25
const spamRefillMs = 5 * 60_000
/** Repeated events are remembered this many at most. */
const maxRemembered = 4_096
const attempts = 5

interface Remembered {
  readonly name: string
  readonly namespace: string
  readonly firstTimestamp: string
  count: number
  /** Resolves when its last write ended: writes of one event go in order. */
  written: Promise<void>
}

interface Bucket {
  tokens: number
  updatedAt: number
}

/** Drops the entry that was put in first when a map grows beyond `limit`. */
const bound = (map: Map<string, unknown>, limit: number): void => {
  if (map.size <= limit) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}

export const createEventRecorder = (
  client: RestClient,
  source: EventSource,
  { clock = realClock, log }: { readonly clock?: Clock; readonly log?: Logger } = {},
): EventRecorder => {
  const remembered = new Map<string, Remembered>()
  const buckets = new Map<string, Bucket>()
  const queue: (() => Promise<void>)[] = []
  let writing = 0

  const allowed = (id: string): boolean => {
    const now = clock.now()
    const bucket = buckets.get(id) ?? { tokens: spamBurst, updatedAt: now }
    bucket.tokens = Math.min(spamBurst, bucket.tokens + (now - bucket.updatedAt) / spamRefillMs)
    bucket.updatedAt = now
    buckets.set(id, bucket)
    bound(buckets, maxRemembered)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  /** A few attempts: an event is worth waiting for a restart of the API server, not more. */
  const retried = async (write: () => Promise<unknown>): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await write()
        return
      } catch (err) {
        // Refused for good: the namespace is going, or we may not.
        if (attempt === attempts || isReason(err, 'Forbidden', 'Invalid', 'BadRequest', 'AlreadyExists')) {
          log?.debug({ err }, 'event dropped')
          return
        }
        if (isReason(err, 'NotFound')) throw err
        await sleep(200 * 2 ** attempt)
      }
    }
  }

  const work = async (): Promise<void> => {
    writing++
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task().catch(() => undefined)
    writing--
  }

  const enqueue = (task: () => Promise<void>): void => {
    if (queue.length >= maxQueued) return
    queue.push(task)
    if (writing < writers) void work()
  }

  return {
    event: (object, type, reason, message, options = {}) => {
      const { metadata } = object
      const namespace = metadata?.namespace || 'default'
      const involvedObject = {
        apiVersion: object.apiVersion ?? 'v1',
        kind: object.kind ?? '',
        name: metadata?.name ?? '',
        namespace: metadata?.namespace,
        uid: metadata?.uid,
        resourceVersion: metadata?.resourceVersion,
        fieldPath: options.fieldPath,
      }
      const objectId = `${involvedObject.kind}/${namespace}/${involvedObject.name}/${involvedObject.uid}`
      if (!allowed(objectId)) return
      const id = [objectId, type, reason, message, options.fieldPath].join('\u0000')
      const now = nowRfc3339(clock.now())
      const known = remembered.get(id)
      const create = (entry: Remembered): Promise<void> =>
        retried(() =>
          client.create(eventsRef, {
            metadata: { name: entry.name, namespace },
            involvedObject,
            reason,
            message,
            type,
            source: { ...source },
            firstTimestamp: entry.firstTimestamp,
            lastTimestamp: now,
            count: entry.count,
            reportingComponent: source.component,
            reportingInstance: source.host ?? '',
          } as unknown as Event),
        )
      if (known === undefined) {
        // The time in nanoseconds makes the name unique, as upstream's do.
        const suffix = (BigInt(clock.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16)
        const entry: Remembered = {
          name: `${involvedObject.name}.${suffix}`,
          namespace,
          firstTimestamp: now,
          count: 1,
          written: Promise.resolve(),
        }
        remembered.set(id, entry)
        bound(remembered, maxRemembered)
        enqueue(() => (entry.written = create(entry)))
        return
      }
      known.count++
      const { count } = known
      enqueue(async () => {
        await known.written
        const body = { count, lastTimestamp: now }
        try {
          await retried(() => client.patch(eventsRef, known.name, namespace, body, { type: 'merge' }))
        } catch {
          // It has expired meanwhile: this is a first one again.
          known.count = 1
          await create(known)
        }
      })
    },
  }
}
