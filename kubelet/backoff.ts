/** Back-off by key with memory: how long the kubelet waits before it tries a container or image again. */

interface Entry {
  durationMs: number
  /** When the last failure was counted. */
  updatedAt: number
}

/**
 * Doubles from `initialMs` to `maxMs` with every failure of a key, and forgets a key that was quiet for twice
 * `maxMs`. Times are given by the caller: a container's back-off counts from its end. Upstream: flowcontrol.Backoff.
 */
export class KeyedBackoff {
  readonly #entries = new Map<string, Entry>()
  readonly #initialMs: number
  readonly #maxMs: number

  constructor({ initialMs, maxMs }: { readonly initialMs: number; readonly maxMs: number }) {
    this.#initialMs = initialMs
    this.#maxMs = maxMs
  }

  /** Milliseconds left to wait at `now`, counted from the event at `since`; 0 when it may be tried. */
  remaining(key: string, since: number, now: number): number {
    const entry = this.#entries.get(key)
    if (entry === undefined) return 0
    if (since - entry.updatedAt > 2 * this.#maxMs) return 0
    return Math.max(0, since + entry.durationMs - now)
  }

  /** The current wait of a key, 0 when it has none. */
  duration(key: string): number {
    return this.#entries.get(key)?.durationMs ?? 0
  }

  /** Counts, at `now`, a failure that happened at `since`. */
  next(key: string, since: number, now: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined || since - entry.updatedAt > 2 * this.#maxMs) {
      this.#entries.set(key, { durationMs: this.#initialMs, updatedAt: now })
      return
    }
    entry.durationMs = Math.min(entry.durationMs * 2, this.#maxMs)
    entry.updatedAt = now
  }

  reset(key: string): void {
    this.#entries.delete(key)
  }

  /** Forgets every key with this prefix: the Pod is gone. */
  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key)
  }
}
