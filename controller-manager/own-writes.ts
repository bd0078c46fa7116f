/**
 * What a controller has written and may not have seen in its cache yet, by the owner that it wrote for. A sync that
 * works from an older view would undo or double what the last one did.
 */
import type { KubeObject } from '../api/types.ts'
import type { Clock } from '../component-base/clock.ts'
import { keyOf, uidOf } from './objects.ts'

/** After this time the event is believed lost, and the cache is trusted. */
const expiryMs = 5 * 60_000

interface Write {
  readonly uid: string
  readonly resourceVersion: string
  readonly atMs: number
}

/** Resource versions are decimal numbers that grow: longer is later. */
const isOlder = (a: string, b: string): boolean => (a.length === b.length ? a < b : a.length < b.length)

export class OwnWrites {
  readonly #clock: Clock
  readonly #writes = new Map<string, Map<string, Write>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes what the API server answered to a create, update or patch of `child`. */
  wrote(owner: string, child: KubeObject): void {
    const writes = this.#writes.get(owner) ?? new Map<string, Write>()
    writes.set(keyOf(child), {
      uid: uidOf(child),
      resourceVersion: child.metadata?.resourceVersion ?? '',
      atMs: this.#clock.now(),
    })
    this.#writes.set(owner, writes)
  }

  /** Notes that a child went, as its deletion event tells: it need not be waited for. */
  gone(child: KubeObject): void {
    const key = keyOf(child)
    for (const writes of this.#writes.values()) if (writes.get(key)?.uid === uidOf(child)) writes.delete(key)
  }

  /** True while `cached` shows less than what was written for the owner. */
  isStale(owner: string, cached: (childKey: string) => KubeObject | undefined): boolean {
    const writes = this.#writes.get(owner)
    if (writes === undefined) return false
    for (const [key, write] of writes) {
      const child = cached(key)
      const seen = child !== undefined && !isOlder(child.metadata?.resourceVersion ?? '', write.resourceVersion)
      if (seen || this.#clock.now() - write.atMs > expiryMs) writes.delete(key)
    }
    if (writes.size === 0) this.#writes.delete(owner)
    return writes.size > 0
  }

  forget(owner: string): void {
    this.#writes.delete(owner)
  }
}
