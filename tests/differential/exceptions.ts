/** Where etcd 3.4.23 (Debian's, the one that is run) and 3.5 (the one that etcd-lite follows) differ, and why. */
import { type Event, eventType } from '../../component-base/etcd/messages.ts'
import type { Operation } from './operations.ts'

export interface Difference {
  readonly operation: Operation
  readonly etcd: unknown
  readonly lite: unknown
}

/** After a harmless one the servers are still alike; after the other kind the rest of a sequence means nothing. */
export type Consequence = 'harmless' | 'states differ'

interface Exception {
  readonly reason: string
  readonly consequence: Consequence
  readonly matches: (difference: Difference) => boolean
}

/**
 * A watch that begins at the compacted revision sees the deletion that was made there: etcd keeps such a tombstone
 * since 3.5.16 and throws it away before. Left out of the comparison. Upstream: server/mvcc/key_index.go, doCompact.
 */
export const isTombstoneOfCompaction = ({ type, kv }: Event, compacted: number): boolean =>
  type === eventType.delete && kv?.modRevision === compacted

export const exceptions: readonly Exception[] = []

export const exceptionFor = (difference: Difference): Consequence | undefined =>
  exceptions.find(({ matches }) => matches(difference))?.consequence

/*
 * Not compared: sort orders and targets that are none. A real etcd up to 3.5 dies of some of them; etcd-lite refuses
 * them in the words of 3.6 ("etcdserver: invalid sort option"). Nor progress of a stream with watches that are not up
 * to date: 3.4 answers at once, 3.5 not at all, etcd-lite when they are. And a put that keeps value or lease of a key
 * which the same transaction has deleted from: of that all versions die (see `endsEtcd` in arbitraries.ts).
 */

/** The text after "error unmarshalling request" is of Go's generated decoders; that there is such an error counts. */
export const notUnmarshalled = (answer: unknown): boolean =>
  typeof answer === 'object' &&
  answer !== null &&
  'details' in answer &&
  String(answer.details).startsWith('grpc: error unmarshalling request:')
