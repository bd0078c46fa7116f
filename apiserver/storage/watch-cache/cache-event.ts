/** One change of one resource, as the watch cache keeps and replays it. */
import type { KubeObject } from '../../../api/types.ts'
import { type Entry, withRevision } from '../encoding.ts'

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED'
export type Matches = (object: KubeObject) => boolean

export interface CacheEvent {
  readonly type: WatchEventType
  readonly revision: number
  readonly key: string
  /** The object after the change; for a deletion its last state under the revision of the deletion. */
  readonly entry: Entry
  readonly previous: Entry | undefined
  /** Bytes on the wire by representation and type: made once, written to every watcher. */
  readonly frames: Map<string, Buffer>
  /** `previous` under this event's revision, for watchers whose selector the object has left. */
  departed?: Entry
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
  if (!before || event.previous === undefined) return undefined
  if (event.type === 'DELETED') return event
  event.departed ??= withRevision(event.previous, event.revision)
  return { type: 'DELETED', entry: event.departed }
}
