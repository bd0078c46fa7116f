/**
 * Events of the API server's own controllers, written straight into the registry. One that repeats is counted on the
 * Event of before, as client-go's recorders do: `count` for the old kind, `series` for the new.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { isReason } from '../../api/meta/status-error.ts'
import { isDns1123Subdomain } from '../../api/meta/names.ts'
import { microTime, nowRfc3339 } from '../../api/meta/time.ts'
import type { Event, KubeObject } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { createObject } from '../registry/create.ts'
import type { Resource } from '../registry/resource.ts'
import { updateObject } from '../registry/update.ts'
import { cloneJson } from '../storage/json.ts'

export interface Warning {
  readonly object: KubeObject
  readonly reason: string
  readonly message: string
  /** What was tried: makes it an event of the new kind. */
  readonly action?: string
}

/** Writes a Warning; never throws. */
export type Warn = (warning: Warning) => Promise<void>

export interface EventDependencies {
  readonly events: Resource
  readonly clock: Clock
  readonly log: Logger
}

interface Written {
  readonly namespace: string
  readonly name: string
  count: number
}

const maxRemembered = 1024
const maxMessageLength = 1024

/** `<object>.<time in nanoseconds>`, or anything where that is no name (IPv6 addresses). */
const eventName = (object: string, nowMs: number): string => {
  const name = `${object}.${(BigInt(Math.floor(nowMs)) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16)}`
  return isDns1123Subdomain(name).length === 0 ? name : randomUUID()
}

const eventOf = ({ object, reason, message, action }: Warning, component: string, nowMs: number): Event => {
  const { kind, apiVersion, metadata: { name = '', namespace = '', uid, resourceVersion } = {} } = object
  const now = nowRfc3339(nowMs)
  const ownNamespace = namespace === '' ? {} : { namespace }
  return {
    kind: 'Event',
    apiVersion: 'v1',
    metadata: { name: eventName(name, nowMs), namespace: namespace === '' ? 'default' : namespace },
    involvedObject: { kind, apiVersion, name, ...ownNamespace, uid, resourceVersion } as Event['involvedObject'],
    reason,
    message: message.slice(0, maxMessageLength),
    type: 'Warning',
    reportingComponent: component,
    ...(action === undefined
      ? { source: { component }, firstTimestamp: now, lastTimestamp: now, count: 1, reportingInstance: '' }
      : {
          source: {},
          action,
          eventTime: microTime(nowMs),
          reportingInstance: `${component}-${hostname()}`.slice(0, 128),
        }),
  }
}

const countUp = (event: Event, count: number, nowMs: number): Event =>
  event.eventTime === undefined || event.eventTime === null
    ? { ...event, count, lastTimestamp: nowRfc3339(nowMs) }
    : { ...event, series: { count, lastObservedTime: microTime(nowMs) } }

/** A recorder for one controller, with a bounded memory of what it said. */
export const createWarn = (component: string, { events, clock, log }: EventDependencies): Warn => {
  const written = new Map<string, Written>()
  const options = { dryRun: false, clock, validating: async (): Promise<void> => {} }

  const create = async (warning: Warning): Promise<Written> => {
    const event = eventOf(warning, component, clock.now())
    await createObject(events, event, options)
    return { namespace: event.metadata?.namespace ?? '', name: event.metadata?.name ?? '', count: 1 }
  }

  /** False if the Event has expired meanwhile. */
  const repeat = async (known: Written): Promise<boolean> => {
    const count = known.count + 1
    try {
      await updateObject(events, known, (current) => countUp(cloneJson(current ?? {}) as Event, count, clock.now()), {
        ...options,
        scope: 'main',
      })
      known.count = count
      return true
    } catch (error) {
      if (isReason(error, 'NotFound')) return false
      throw error
    }
  }

  return async (warning) => {
    const { object, reason, message } = warning
    const key = [object.metadata?.uid, reason, message].join('\n')
    try {
      const known = written.get(key)
      written.delete(key)
      const now = known !== undefined && (await repeat(known)) ? known : await create(warning)
      written.set(key, now)
      const [oldest] = written.keys()
      if (written.size > maxRemembered && oldest !== undefined) written.delete(oldest)
    } catch (err) {
      log.warn({ err, reason }, 'cannot write an event')
    }
  }
}
