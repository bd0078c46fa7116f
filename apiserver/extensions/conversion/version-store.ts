/** The store as one version of a custom resource sees it: what is read is converted to it, what is written from it. */
import type { KeyValue, KeyValueStore } from '../../storage/key-value.ts'
import type { VersionCodec } from './version-codec.ts'

/** What was converted last, so that a write, its answer and its event are one conversion. */
const maxRemembered = 64
const maxRememberedBytes = 512 * 1024

interface Remembered {
  readonly stored: Buffer
  readonly shown: Buffer | Promise<Buffer>
}

/** Conversions by key; the oldest are forgotten. */
export class ConversionMemory {
  readonly #codec: VersionCodec
  readonly #known = new Map<string, Remembered>()
  #bytes = 0

  constructor(codec: VersionCodec) {
    this.#codec = codec
  }

  /** Values as the version shows them; those that are not known are converted in one call. */
  show(
    items: readonly { readonly key: string; readonly value: Buffer }[],
  ): readonly Buffer[] | Promise<readonly Buffer[]> {
    const known = items.map(({ key, value }) => this.#recall(key, value))
    const missing = items.filter((_, index) => known[index] === undefined)
    const found = missing.length === 0 ? [] : this.#codec.show(missing.map(({ value }) => value))
    if (found instanceof Promise) {
      for (const [index, { key, value }] of missing.entries()) {
        const shown = found.then((all) => all[index] ?? value)
        // A failure is told to whoever waits, and tried again by the next.
        shown.catch(() => this.#forget(key, value))
        this.#keep(key, { stored: value, shown })
      }
    }
    const ready = known.filter((shown): shown is Buffer | undefined => !(shown instanceof Promise))
    if (!(found instanceof Promise) && ready.length === known.length) return fill(ready, found)
    return (async () => fill(await Promise.all(known.map(async (shown) => shown)), await found))()
  }

  remember(key: string, stored: Buffer, shown: Buffer): void {
    this.#keep(key, { stored, shown })
  }

  #recall(key: string, value: Buffer): Buffer | Promise<Buffer> | undefined {
    const known = this.#known.get(key)
    return known?.stored.equals(value) === true ? known.shown : undefined
  }

  #keep(key: string, remembered: Remembered): void {
    this.#drop(key)
    this.#known.set(key, remembered)
    this.#bytes += remembered.stored.length
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxRemembered && this.#bytes <= maxRememberedBytes) return
      this.#drop(oldest)
    }
  }

  #forget(key: string, value: Buffer): void {
    if (this.#recall(key, value) !== undefined) this.#drop(key)
  }

  #drop(key: string): void {
    this.#bytes -= this.#known.get(key)?.stored.length ?? 0
    this.#known.delete(key)
  }
}

/** The gaps of `known`, filled with the others in order. */
const fill = (known: readonly (Buffer | undefined)[], others: readonly Buffer[]): readonly Buffer[] => {
  let next = 0
  return known.map((value) => value ?? others[next++] ?? Buffer.alloc(0))
}

export const versionStore = (store: KeyValueStore, codec: VersionCodec, memory: ConversionMemory): KeyValueStore => {
  const shown = async (items: readonly KeyValue[]): Promise<KeyValue[]> => {
    const values = await memory.show(items)
    return items.map((item, index) => ({
      ...item,
      value: values[index] ?? item.value,
      stale: item.stale === true || !codec.isStoredForm(item.value),
    }))
  }
  const shownOne = async (item: KeyValue | undefined): Promise<KeyValue | undefined> =>
    item === undefined ? undefined : (await shown([item]))[0]
  return {
    ...store,
    get: async (key) => {
      const { current, revision } = await store.get(key)
      return { current: await shownOne(current), revision }
    },
    list: async (range) => {
      const page = await store.list(range)
      return { ...page, items: await shown(page.items) }
    },
    put: async (key, value, expected, lease) => {
      const stored = await codec.store(value)
      if (stored === value) memory.remember(key, value, value)
      const result = await store.put(key, stored, expected, lease)
      if (result.type === 'conflict') return { type: 'conflict', current: await shownOne(result.current) }
      if (stored === value) return result
      const [read] = await memory.show([{ key, value: stored }])
      return read === undefined || read.equals(value) ? result : { ...result, value: read }
    },
    delete: async (key, expected) => {
      const result = await store.delete(key, expected)
      return result.type === 'conflict' ? { type: 'conflict', current: await shownOne(result.current) } : result
    },
    currentRevision: () => store.currentRevision(),
    watch: () => {
      throw new Error('events of a version come from its hub')
    },
    grantLease: (seconds) => store.grantLease(seconds),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
  }
}
