/** The KeyValueStore in memory, for unit tests; history is kept until compaction. */
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type KeyValueStore,
  type StoreEvent,
  type StoreEvents,
  type WriteResult,
} from './key-value.ts'

interface Version {
  readonly revision: number
  readonly value: Buffer | undefined
}

export const createMemoryKeyValue = (): KeyValueStore => {
  const history = new Map<string, Version[]>()
  const log: StoreEvent[] = []
  const wakers = new Set<() => void>()
  let revision = 1
  let compacted = 0

  const at = (key: string, asOf: number): KeyValue | undefined => {
    const version = history.get(key)?.findLast((candidate) => candidate.revision <= asOf)
    return version?.value === undefined ? undefined : { key, value: version.value, modRevision: version.revision }
  }
  const append = (key: string, value: Buffer | undefined): WriteResult => {
    revision++
    history.set(key, [...(history.get(key) ?? []), { revision, value }])
    log.push(value === undefined ? { type: 'delete', key, revision } : { type: 'put', key, value, revision })
    for (const wake of wakers) wake()
    return { type: 'written', revision }
  }
  const conditional = (key: string, expected: number, value: Buffer | undefined): WriteResult => {
    const current = at(key, revision)
    return (current?.modRevision ?? 0) === expected ? append(key, value) : { type: 'conflict', current }
  }
  async function* watch(from: number, signal: AbortSignal): AsyncGenerator<StoreEvents> {
    if (from < compacted) throw new CompactedError(compacted)
    let next = log.findIndex((event) => event.revision > from)
    if (next < 0) next = log.length
    while (!signal.aborted) {
      if (next < log.length) {
        const events = log.slice(next)
        next = log.length
        yield { revision: events.at(-1)?.revision ?? revision, events }
        continue
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          wakers.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        wakers.add(wake)
        signal.addEventListener('abort', wake)
      })
    }
  }
  return {
    get: async (key) => ({ current: at(key, revision), revision }),
    list: async ({ start, end, limit = 0, revision: asked = 0 }) => {
      if (asked > revision) throw new FutureRevisionError()
      if (asked > 0 && asked < compacted) throw new CompactedError(compacted)
      const found = [...history.keys()]
        .filter((key) => key >= start && key < end)
        .toSorted()
        .flatMap((key) => at(key, asked === 0 ? revision : asked) ?? [])
      const items = limit > 0 ? found.slice(0, limit) : found
      return { items, count: found.length, more: items.length < found.length, revision }
    },
    put: async (key, value, expected) => conditional(key, expected, value),
    delete: async (key, expected) => conditional(key, expected, undefined),
    currentRevision: async () => revision,
    watch,
    grantLease: async () => '1',
    compact: async (to) => {
      compacted = Math.max(compacted, to)
    },
    close: async () => {},
  }
}
