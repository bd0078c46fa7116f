/** One change of one resource, as watchers get it; and what of it the history keeps. */
import type { KubeObject } from '../../../api/types.ts'
import { type Entry, withRevision } from '../encoding.ts'

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED'
export type Matches = (object: KubeObject) => boolean

/** A change as it is kept: the versions before and after it, nothing derived from them. */
export type Change =
  | {
      readonly type: 'ADDED' | 'MODIFIED'
      readonly revision: number
      readonly entry: Entry
      readonly previous: Entry | undefined
    }
  | { readonly type: 'DELETED'; readonly revision: number; readonly previous: Entry }

/** A change on its way to watchers. It holds what is derived for one of them and shared with the rest. */
export class CacheEvent {
  readonly type: WatchEventType
  readonly revision: number
  readonly previous: Entry | undefined
  readonly key: string
  readonly #entry: Entry | undefined
  #departed: Entry | undefined
  #frames: Map<string, Buffer> | undefined

  constructor(change: Change) {
    this.type = change.type
    this.revision = change.revision
    this.previous = change.previous
    this.#entry = change.type === 'DELETED' ? undefined : change.entry
    this.key = change.type === 'DELETED' ? change.previous.key : change.entry.key
  }

  /** The object after the change; for a deletion its last state under the revision of the deletion. */
  get entry(): Entry {
    return this.#entry ?? this.departed
  }

  /** The object before the change under the revision of the change: for those to whom it is gone. */
  get departed(): Entry {
    if (this.previous === undefined) throw new Error(`${this.key} did not exist before revision ${this.revision}`)
    this.#departed ??= withRevision(this.previous, this.revision)
    return this.#departed
  }

  /** Bytes on the wire by representation and type: made once, written to every watcher. */
  frame(name: string, make: () => Buffer): Buffer {
    this.#frames ??= new Map()
    let bytes = this.#frames.get(name)
    if (bytes === undefined) {
      bytes = make()
      this.#frames.set(name, bytes)
    }
    return bytes
  }
}

/** What a watcher sees of an event: nothing, or a type and an object. */
export interface Seen {
  readonly type: WatchEventType
  readonly entry: Entry
}

/**
 * How an event looks through a selector: an object that begins to match is ADDED, one that stops is DELETED with its
 * last matching state and the new revision.
 */
export const seenThrough = (event: CacheEvent, matches: Matches | undefined): Seen | undefined => {
  if (matches === undefined) return event
  const now = event.type !== 'DELETED' && matches(event.entry.object)
  const before = event.previous !== undefined && matches(event.previous.object)
  if (now) return before ? { type: 'MODIFIED', entry: event.entry } : { type: 'ADDED', entry: event.entry }
  return before ? { type: 'DELETED', entry: event.departed } : undefined
}
