/**
 * A queue of keys for reconcilers: no key twice, no key worked on by two at once, and a key that comes while it is
 * worked on is given out again afterwards.
 *
 *     addAfter ─► waiting ──time──► ready ──get──► processing ──done──► (gone)
 *                                     ▲                │ add meanwhile
 *                                     └──── done ──── dirty
 *
 * A key can wait and be ready, or waiting and processing, at once: who asked for a later run gets it, even if the key
 * ran before for another reason.
 */
import { type Clock, realClock, type TimerHandle } from '../../component-base/clock.ts'
import type { QueueObserver } from './queue-metrics.ts'
import { defaultRateLimiter, type RateLimiter } from './rate-limiter.ts'

export interface WorkQueueOptions {
  readonly rateLimiter?: RateLimiter
  readonly clock?: Clock
  readonly observer?: QueueObserver
}

export interface WorkQueue {
  readonly add: (key: string) => void
  /** Adds the key when `ms` have passed; of two such times the earlier wins. */
  readonly addAfter: (key: string, ms: number) => void
  /** Adds the key after its back-off. */
  readonly addRateLimited: (key: string) => void
  /** The key succeeded: its back-off starts over. */
  readonly forget: (key: string) => void
  readonly failures: (key: string) => number
  /** The next key, when there is one; undefined after shutdown. Must be followed by `done`. */
  readonly get: () => Promise<string | undefined>
  readonly done: (key: string) => void
  readonly shutdown: () => void
  /** Keys that are ready. */
  readonly length: () => number
}

export const createWorkQueue = ({
  clock = realClock,
  rateLimiter = defaultRateLimiter(clock),
  observer,
}: WorkQueueOptions = {}): WorkQueue => {
  const ready = new Set<string>()
  const processing = new Set<string>()
  const dirty = new Set<string>()
  const waiting = new Map<string, { readonly at: number; readonly timer: TimerHandle }>()
  const getters: ((key: string | undefined) => void)[] = []
  let isShutDown = false

  const take = (): string | undefined => {
    for (const key of ready) {
      ready.delete(key)
      processing.add(key)
      observer?.got(key)
      return key
    }
    return undefined
  }

  const add = (key: string): void => {
    if (isShutDown) return
    const isDirty = processing.has(key)
    const place = isDirty ? dirty : ready
    if (!place.has(key)) observer?.added(key)
    place.add(key)
    if (isDirty) return
    serve()
  }

  /** Hands a ready key to somebody who waits for one. */
  const serve = (): void => {
    const getter = getters.shift()
    if (getter !== undefined) getter(take())
  }

  const addAfter = (key: string, ms: number): void => {
    if (isShutDown) return
    if (ms <= 0) return add(key)
    const at = clock.now() + ms
    const known = waiting.get(key)
    if (known !== undefined && known.at <= at) return
    if (known !== undefined) clock.clearTimeout(known.timer)
    const timer = clock.setTimeout(() => {
      waiting.delete(key)
      add(key)
    }, ms)
    waiting.set(key, { at, timer })
  }

  return {
    add,
    addAfter,
    addRateLimited: (key) => {
      observer?.retried()
      addAfter(key, rateLimiter.when(key))
    },
    forget: rateLimiter.forget,
    failures: rateLimiter.failures,
    get: () => {
      if (isShutDown) return Promise.resolve(undefined)
      const key = take()
      if (key !== undefined) return Promise.resolve(key)
      return new Promise((resolve) => getters.push(resolve))
    },
    done: (key) => {
      processing.delete(key)
      observer?.done(key)
      if (isShutDown || !dirty.delete(key)) return
      ready.add(key)
      serve()
    },
    shutdown: () => {
      isShutDown = true
      for (const { timer } of waiting.values()) clock.clearTimeout(timer)
      waiting.clear()
      ready.clear()
      for (const getter of getters.splice(0)) getter(undefined)
    },
    length: () => ready.size,
  }
}
