import type { Backend } from './backend.ts'

/** A backend without a disk, for tests of what stands above it. `commit` waits one turn of the event loop. */
export const openMemoryBackend = (): Backend => {
  const entries = new Map<string, Buffer>()
  const name = (key: Buffer): string => key.toString('latin1')
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
      return { getMany: async (keys) => keys.map((key) => copy.get(name(key))), close: async () => {} }
    },
    scan: async function* (range) {
      const [start, end] = [name(range.start), name(range.end)]
      const found = [...entries].filter(([key]) => key >= start && key < end).toSorted(([a], [b]) => (a < b ? -1 : 1))
      if (found.length > 0) yield found.map(([key, value]) => [Buffer.from(key, 'latin1'), value] as const)
    },
    sizeBytes: async () => [...entries].reduce((sum, [key, value]) => sum + key.length + value.length, 0),
    defragment: async () => {},
    close: async () => {},
  }
}
