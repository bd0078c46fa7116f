import type { Backend, KeyBounds } from './backend.ts'

type Entries = ReadonlyMap<string, Buffer>

const name = (key: Buffer): string => key.toString('latin1')

async function* scan(entries: Entries, range: KeyBounds): AsyncGenerator<(readonly [Buffer, Buffer])[], void, void> {
  const [start, end] = [name(range.start), name(range.end)]
  const found = [...entries].filter(([key]) => key >= start && key < end).toSorted(([a], [b]) => (a < b ? -1 : 1))
  if (found.length > 0) yield found.map(([key, value]) => [Buffer.from(key, 'latin1'), value] as const)
}

/** A backend without a disk, for tests of what stands above it. `commit` waits one turn of the event loop. */
export const openMemoryBackend = (): Backend => {
  const entries = new Map<string, Buffer>()
  return {
    commit: async (ops) => {
      await new Promise((resolve) => setImmediate(resolve))
      for (const op of ops) {
        if (op.type === 'put') entries.set(name(op.key), op.value)
        else entries.delete(name(op.key))
      }
    },
    getSync: (key) => entries.get(name(key)),
    snapshot: () => {
      const copy = new Map(entries)
      return {
        getMany: async (keys) => keys.map((key) => copy.get(name(key))),
        scan: (range) => scan(copy, range),
        close: async () => {},
      }
    },
    scan: (range) => scan(entries, range),
    sizeBytes: async () => [...entries].reduce((sum, [key, value]) => sum + key.length + value.length, 0),
    defragment: async () => {},
    close: async () => {},
  }
}
