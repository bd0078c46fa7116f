/**
 * Decides what becomes of an event: written as a new object, counted on the one before, combined with similar ones, or
 * dropped as spam. Pure but for its memory, which is bounded. Upstream: client-go's EventCorrelator and its numbers.
 */

/** What identifies an event; `object` is kind, namespace, name and UID in one string. */
export interface Observation {
  readonly object: string
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly fieldPath: string
}

/** One Event object as it was written, or will be. */
export interface EventEntry {
  /** Milliseconds since the epoch. */
  readonly firstAt: number
  lastAt: number
  count: number
  message: string
  /** The Event object, once the recorder named it, and whether the API server is known to have it. */
  stored: { readonly name: string; readonly isWritten: boolean } | undefined
}

/** Spam filter of each source and object: 25 at once, then one every 5 minutes. */
const spamBurst = 25
const spamRefillMs = 5 * 60_000
/** So many different messages of one reason, each within the interval of the one before, are told as one event. */
const maxSimilar = 10
const similarIntervalMs = 10 * 60_000
const maxRemembered = 4_096

/** A map that forgets what was not used for longest. */
class Memory<Value> {
  readonly #values = new Map<string, Value>()

  get(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value !== undefined) {
      this.#values.delete(key)
      this.#values.set(key, value)
    }
    return value
  }

  set(key: string, value: Value): void {
    this.#values.set(key, value)
    if (this.#values.size <= maxRemembered) return
    const [oldest] = this.#values.keys()
    if (oldest !== undefined) this.#values.delete(oldest)
  }
}

export class EventCorrelator {
  readonly #entries = new Memory<EventEntry>()
  readonly #similar = new Memory<{ readonly messages: Set<string>; lastAt: number }>()
  readonly #buckets = new Memory<{ tokens: number; updatedAt: number }>()

  /** The entry to write, or undefined if this one is dropped. */
  observe(observation: Observation, now: number): EventEntry | undefined {
    const { key, message } = this.#combine(observation, now)
    const known = this.#entries.get(key)
    const entry = known ?? { firstAt: now, lastAt: now, count: 0, message, stored: undefined }
    entry.count++
    entry.lastAt = now
    entry.message = message
    if (known === undefined) this.#entries.set(key, entry)
    return this.#allowed(observation.object, now) ? entry : undefined
  }

  #combine(
    { object, type, reason, message, fieldPath }: Observation,
    now: number,
  ): { readonly key: string; readonly message: string } {
    const group = [object, type, reason].join('\u0000')
    const known = this.#similar.get(group)
    const isFresh = known !== undefined && now - known.lastAt <= similarIntervalMs
    const similar = isFresh ? known : { messages: new Set<string>(), lastAt: now }
    if (!isFresh) this.#similar.set(group, similar)
    similar.lastAt = now
    if (similar.messages.has(message) || similar.messages.size < maxSimilar - 1) {
      similar.messages.add(message)
      return { key: [group, message, fieldPath].join('\u0000'), message }
    }
    return { key: group, message: `(combined from similar events): ${message}` }
  }

  #allowed(object: string, now: number): boolean {
    const bucket = this.#buckets.get(object) ?? { tokens: spamBurst, updatedAt: now }
    const refill = Math.max(0, now - bucket.updatedAt) / spamRefillMs
    bucket.tokens = Math.min(spamBurst, bucket.tokens + refill)
    bucket.updatedAt = now
    this.#buckets.set(object, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }
}
