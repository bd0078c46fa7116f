import type { ChangedObject, ClusterEvent } from '../framework/events.ts'

export interface LoggedEvent {
  readonly event: ClusterEvent
  readonly change: ChangedObject
}

/** Events that came while Pods were in flight, kept once for all of them and as long as one of them may need them. */
export class EventLog {
  readonly #readers = new Map<string, number>()
  #events: LoggedEvent[] = []
  #first = 0

  /** From now on events are kept for this Pod. */
  open(uid: string): void {
    this.#readers.set(uid, this.#first + this.#events.length)
  }

  /** Nobody in flight: nothing is kept. */
  append(entry: LoggedEvent): void {
    if (this.#readers.size > 0) this.#events.push(entry)
  }

  since(uid: string): readonly LoggedEvent[] {
    const from = this.#readers.get(uid)
    return from === undefined ? [] : this.#events.slice(from - this.#first)
  }

  close(uid: string): void {
    if (!this.#readers.delete(uid)) return
    if (this.#events.length === 0) return
    const needed = Math.min(...this.#readers.values(), this.#first + this.#events.length)
    if (needed === this.#first) return
    this.#events = this.#events.slice(needed - this.#first)
    this.#first = needed
  }

  has(uid: string): boolean {
    return this.#readers.has(uid)
  }

  get size(): number {
    return this.#events.length
  }
}
