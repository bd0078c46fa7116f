/**
 * Node ports, as one bitmap in the store that is changed with compare-and-swap: the same object, under the same key,
 * that upstream keeps (RangeAllocation). Upstream: pkg/registry/core/service/portallocator
 */
import type { KeyValue, KeyValueStore } from '../../storage/key-value.ts'

export interface PortRange {
  readonly first: number
  readonly last: number
}

export type PortResult =
  | { readonly type: 'allocated'; readonly port: number }
  | { readonly type: 'taken' }
  | { readonly type: 'out-of-range' }
  | { readonly type: 'full' }

const randomTries = 16

export class NodePortAllocator {
  readonly range: PortRange
  readonly #store: KeyValueStore
  readonly #key: string

  constructor(range: PortRange, store: KeyValueStore, root: string) {
    this.range = range
    this.#store = store
    this.#key = `${root}/ranges/servicenodeports`
  }

  allocate(port: number): Promise<PortResult> {
    if (port < this.range.first || port > this.range.last) return Promise.resolve({ type: 'out-of-range' })
    return this.#change((used) => {
      if (used.has(port)) return { type: 'taken' }
      used.add(port)
      return { type: 'allocated', port }
    })
  }

  allocateNext(): Promise<PortResult> {
    return this.#change((used) => {
      for (const port of this.#candidates()) {
        if (used.has(port)) continue
        used.add(port)
        return { type: 'allocated', port }
      }
      return { type: 'full' }
    })
  }

  async release(ports: readonly number[]): Promise<void> {
    if (ports.length === 0) return
    await this.#change((used) => {
      for (const port of ports) used.delete(port)
      return { type: 'allocated', port: 0 }
    })
  }

  /** Makes the bitmap what Services really use; done at start, for what a crash left behind. */
  async repair(inUse: () => ReadonlySet<number>): Promise<void> {
    await this.#change((used) => {
      used.clear()
      for (const port of inUse()) used.add(port)
      return { type: 'allocated', port: 0 }
    })
  }

  *#candidates(): Generator<number> {
    const { first, last } = this.range
    const count = last - first + 1
    // The lower ports are for people who choose, the upper ones for the server.
    const band = count < 32 ? 0 : Math.min(128, Math.max(16, Math.floor(count / 32)))
    const start = first + band
    for (let i = 0; i < randomTries; i++) yield start + Math.floor(Math.random() * (last - start + 1))
    for (let port = start; port <= last; port++) yield port
    for (let port = first; port < start; port++) yield port
  }

  async #change(change: (used: Set<number>) => PortResult): Promise<PortResult> {
    let { current } = await this.#store.get(this.#key)
    for (;;) {
      const used = this.#decode(current)
      const before = used.size
      const result = change(used)
      if (result.type !== 'allocated') return result
      if (current !== undefined && used.size === before && result.port === 0) return result
      const written = await this.#store.put(this.#key, this.#encode(used), current?.modRevision ?? 0)
      if (written.type === 'written') return result
      current = written.current
    }
  }

  #decode(current: KeyValue | undefined): Set<number> {
    const used = new Set<number>()
    if (current === undefined) return used
    const stored: unknown = JSON.parse(current.value.toString('utf8'))
    if (typeof stored !== 'object' || stored === null || !('data' in stored) || !('range' in stored)) return used
    // Ports of another range mean nothing here: the repair at start finds what is in use.
    if (typeof stored.data !== 'string' || stored.range !== this.#rangeText()) return used
    // A big-endian number whose bit n is the n-th port, as Go's big.Int writes it.
    const bytes = Buffer.from(stored.data, 'base64')
    for (const [index, byte] of [...bytes].toReversed().entries()) {
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) used.add(this.range.first + index * 8 + bit)
    }
    return used
  }

  #encode(used: ReadonlySet<number>): Buffer {
    const { first, last } = this.range
    const bytes = Buffer.alloc(Math.ceil((last - first + 1) / 8))
    for (const port of used) {
      const bit = port - first
      const at = bytes.length - 1 - Math.floor(bit / 8)
      bytes[at] = (bytes[at] ?? 0) | (1 << (bit % 8))
    }
    const start = bytes.findIndex((byte) => byte !== 0)
    const data = (start < 0 ? Buffer.alloc(0) : bytes.subarray(start)).toString('base64')
    return Buffer.from(
      JSON.stringify({ kind: 'RangeAllocation', apiVersion: 'v1', metadata: {}, range: this.#rangeText(), data }),
    )
  }

  #rangeText(): string {
    return `${this.range.first}-${this.range.last}`
  }
}
