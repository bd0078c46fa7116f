/** History for watchers: the changes of a range between two revisions, read from the index, values from the store. */
import type { KeyRange } from '../mvcc/key-range.ts'
import { encodeTombstone } from '../mvcc/key-value.ts'
import type { Hit } from '../mvcc/range.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { encodeEvent, type RevisionEvents } from './encode.ts'
import type { Watcher } from './watcher.ts'

/** Changes whose values are loaded at a time. */
const chunkChanges = 500

/** Every version of the range's keys with from <= main <= to, in order. */
export const collectHistory = (store: MvccStore, range: KeyRange, from: number, to: number): Hit[] => {
  const hits: Hit[] = []
  store.index.forEachEntry(range, (entry) => {
    if (entry.head.main < from) return
    for (const version of entry.older) if (version.main >= from && version.main <= to) hits.push({ entry, version })
    if (entry.head.main <= to) hits.push({ entry, version: entry.head })
  })
  return hits.sort((a, b) => a.version.main - b.version.main || a.version.sub - b.version.sub)
}

/** Takes whole revisions off the front. */
const takeChunk = (hits: readonly Hit[], start: number): Hit[] => {
  let end = Math.min(start + chunkChanges, hits.length)
  while (end < hits.length && hits[end]?.version.main === hits[end - 1]?.version.main) end++
  return hits.slice(start, end)
}

const previousOf = ({ entry, version }: Hit): Hit | undefined => {
  const previous = entry.at(version.main - 1)
  return previous === undefined ? undefined : { entry, version: previous }
}

const encodeChunk = async (store: MvccStore, watcher: Watcher, chunk: readonly Hit[]): Promise<RevisionEvents[]> => {
  const wanted = chunk.filter((hit) => watcher.wants(hit.entry.key, hit))
  const puts = wanted.filter(({ version }) => !version.deleted)
  const previous = watcher.spec.prevKv ? wanted.map(previousOf) : []
  // One load for both: it sees the store as it is now, before any compaction can intervene.
  const toLoad = [...puts, ...previous.filter((hit) => hit !== undefined)]
  const loaded = await store.load(toLoad)
  const bytes = new Map(toLoad.map(({ version }, i) => [version, loaded[i]]))
  const revisions: { main: number; events: Buffer[] }[] = []
  for (const [i, { entry, version }] of wanted.entries()) {
    const before = previous[i]
    const kv = version.deleted ? encodeTombstone(entry.key, version.main) : bytes.get(version)
    if (kv === undefined) throw new Error('a value that was loaded is missing')
    const event = encodeEvent(version.deleted ? 'delete' : 'put', kv, before && bytes.get(before.version))
    const last = revisions.at(-1)
    if (last?.main === version.main) last.events.push(event)
    else revisions.push({ main: version.main, events: [event] })
  }
  return revisions
}

/**
 * History of a watcher from its `next` up to `to`, in pieces of whole revisions; each piece says up to which revision
 * it is complete. Ends early when the watcher has fallen behind the compacted revision.
 */
export async function* readHistory(
  store: MvccStore,
  watcher: Watcher,
  to: number,
): AsyncGenerator<{ readonly complete: number; readonly revisions: readonly RevisionEvents[] }, void, void> {
  const hits = collectHistory(store, watcher.spec.range, watcher.next, to)
  for (let start = 0; start < hits.length; ) {
    if (watcher.next < store.compactedRevision) return
    const chunk = takeChunk(hits, start)
    start += chunk.length
    const revisions = await encodeChunk(store, watcher, chunk)
    yield { complete: start < hits.length ? (chunk.at(-1)?.version.main ?? to) : to, revisions }
  }
  if (hits.length === 0) yield { complete: to, revisions: [] }
}
