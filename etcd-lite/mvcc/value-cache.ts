/**
 * Which versions keep their bytes in memory: a bound and the CLOCK policy.
 *
 * Members stand in a circle. When the bound is passed, a hand goes round: a member read since the last visit is
 * passed over once, any other loses its bytes. A read costs one store; only a miss costs a look at the disk.
 */
import type { Version } from './version.ts'

/** What a cached value costs besides its bytes. */
const overheadBytes = 200

export class ValueCache {
  readonly #maxBytes: number
  readonly #members = new Set<Version>()
  /** A live iterator: it goes on where it stood however the set changes. */
  #hand: Iterator<Version> = this.#members.values()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes a version whose bytes are set under the bound's rule. */
  add(version: Version): void {
    if (version.bytes === undefined || this.#members.has(version)) return
    this.#members.add(version)
    this.#bytes += version.bytes.length + overheadBytes
    while (this.#bytes > this.#maxBytes && this.#members.size > 0) this.#evictOne()
  }

  /** Drops a version's bytes: it is not current any more. */
  remove(version: Version): void {
    if (this.#members.delete(version)) this.#bytes -= (version.bytes?.length ?? 0) + overheadBytes
    version.bytes = undefined
  }

  #evictOne(): void {
    for (;;) {
      const next = this.#hand.next()
      if (next.done === true) {
        this.#hand = this.#members.values()
        if (this.#members.size === 0) return
      } else if (next.value.recent) next.value.recent = false
      else {
        this.remove(next.value)
        return
      }
    }
  }
}
