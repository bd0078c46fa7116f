/** The history of a store as its watcher saw it, and the state of every key at every revision that follows from it. */
import assert from 'node:assert/strict'
import type { Event, KeyValue } from '../../../component-base/etcd/messages.ts'

/** A key after one change; a deletion has no value. */
interface KeyState {
  readonly mod: number
  readonly create: number
  readonly version: number
  readonly value: string | undefined
  readonly lease: bigint
}

export interface ExpectedKey extends KeyState {
  readonly key: string
}

export const firstRevision = 1

const shownCharacters = 24

/** `put key=value` with the value's begin and length. */
export const describePut = (key: string, value: string): string =>
  value.length <= shownCharacters
    ? `put ${key}=${value}`
    : `put ${key}=${value.slice(0, shownCharacters)}… ${value.length}`

/** What one revision did, sorted. */
export const describeEvents = (events: readonly Event[]): string[] =>
  events
    .map(({ type, kv }) => {
      const key = String(kv?.key)
      return type === 0 ? describePut(key, String(kv?.value)) : `delete ${key}`
    })
    .sort()

export const describeKeyValue = (kv: KeyValue): ExpectedKey => ({
  key: String(kv.key),
  value: String(kv.value),
  mod: kv.modRevision,
  create: kv.createRevision,
  version: kv.version,
  lease: kv.lease,
})

export class History {
  /** What each revision did; revision 2 stands first. */
  readonly #revisions: string[][] = []
  readonly #keys = new Map<string, KeyState[]>()

  /** The newest revision seen. */
  get last(): number {
    return firstRevision + this.#revisions.length
  }

  at(revision: number): readonly string[] | undefined {
    return this.#revisions[revision - firstRevision - 1]
  }

  /** Adds the events of a watch response, and holds that they follow what was seen without a gap or a duplicate. */
  append(events: readonly Event[]): void {
    const byRevision = Map.groupBy(events, ({ kv }) => kv?.modRevision ?? 0)
    for (const [revision, group] of byRevision) {
      assert.equal(revision, this.last + 1, `the watcher saw revision ${revision} after ${this.last}`)
      this.#revisions.push(describeEvents(group))
      for (const event of group) this.#apply(event, revision)
    }
  }

  /** All keys that existed at a revision, sorted. */
  stateAt(revision: number): ExpectedKey[] {
    const state: ExpectedKey[] = []
    for (const [key, changes] of this.#keys) {
      const change = changes.findLast(({ mod }) => mod <= revision)
      if (change?.value !== undefined) state.push({ key, ...change })
    }
    return state.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  #apply({ type, kv }: Event, revision: number): void {
    if (kv === undefined) throw new Error('an event without a key')
    const key = String(kv.key)
    const changes = this.#keys.get(key) ?? []
    this.#keys.set(key, changes)
    const old = changes.at(-1)
    const lives = old?.value !== undefined
    if (type === 1) {
      assert.ok(lives, `revision ${revision} deletes ${key}, which is not there`)
      changes.push({ mod: revision, create: 0, version: 0, value: undefined, lease: 0n })
      return
    }
    const next: KeyState = {
      mod: revision,
      create: lives ? old.create : revision,
      version: lives ? old.version + 1 : 1,
      value: String(kv.value),
      lease: kv.lease,
    }
    assert.deepEqual(describeKeyValue(kv), { key, ...next }, `the event of revision ${revision}`)
    changes.push(next)
  }
}
