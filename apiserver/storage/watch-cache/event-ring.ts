/**
 * The recent changes of one resource, for watchers that resume. What falls out makes older resourceVersions answer 410.
 *
 *     #head            #changes.length
 *       ▼                    ▼
 *     [ · · c5 c6 c7 c8 c9 c10 ]     #oldest = revision of the last one dropped (a watch may start from there)
 *
 * Memory: a version of an object is history from the change that replaced it on, so each change is charged with the
 * version before it. The newest version of an object is the cache's, and charged to nobody here.
 */
import type { Change } from './cache-event.ts'
import type { HistoryBudget, HistoryHolder } from './history-budget.ts'

/** What a change takes beside the bytes of the object: its record, and what the engine holds for the bytes. */
const recordBytes = 384
/** Compaction leaves these: a resource that seldom changes answers old resourceVersions for long, as upstream. */
export const keptChanges = 100

const costOf = (change: Change): number => recordBytes + (change.previous?.bytes.length ?? 0)

export class EventRing implements HistoryHolder {
  readonly #budget: HistoryBudget
  #changes: (Change | undefined)[] = []
  #head = 0
  #bytes = 0
  #oldest: number

  /** `revision` is that of the state before the first change. */
  constructor(revision: number, budget: HistoryBudget) {
    this.#oldest = revision
    this.#budget = budget
    budget.add(this)
  }

  /** The smallest revision after which all changes are here. */
  get oldestRevision(): number {
    return this.#oldest
  }
  get heldBytes(): number {
    return this.#bytes
  }

  push(change: Change): void {
    this.#changes.push(change)
    const cost = costOf(change)
    this.#bytes += cost
    this.#budget.charge(this, cost)
  }

  /** Forgets changes up to and including `revision`, but for the newest few. */
  trim(revision: number, kept = keptChanges): void {
    while (this.#changes.length - this.#head > kept) {
      const change = this.#changes[this.#head]
      if (change === undefined || change.revision > revision) return
      this.dropOldest()
    }
  }

  /**
   * The first changes after `revision` in order, or undefined if some of them are gone. Those of one revision (a lease
   * that ended) are never parted.
   */
  since(revision: number, limit = Number.POSITIVE_INFINITY): Change[] | undefined {
    if (revision < this.#oldest) return undefined
    let low = this.#head
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#changes[middle]?.revision ?? 0) > revision) high = middle
      else low = middle + 1
    }
    let end = Math.min(low + limit, this.#changes.length)
    while (end > low && this.#changes[end]?.revision === this.#changes[end - 1]?.revision) end++
    return this.#changes.slice(low, end).filter((change) => change !== undefined)
  }

  dropOldest(): boolean {
    const change = this.#changes[this.#head]
    if (change === undefined) return false
    this.#changes[this.#head] = undefined
    this.#head++
    const cost = costOf(change)
    this.#bytes -= cost
    this.#budget.release(cost)
    this.#oldest = change.revision
    if (this.#head > 1024 && this.#head * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#head)
      this.#head = 0
    }
    return true
  }

  /** Forgets everything; it may not be used any more. */
  close(): void {
    this.#changes = []
    this.#head = 0
    this.#budget.release(this.#bytes)
    this.#bytes = 0
    this.#budget.remove(this)
  }
}
