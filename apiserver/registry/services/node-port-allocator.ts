/**
 * Node ports, as one bitmap in the store that is changed with compare-and-swap: the same object, under the same key,
 * that upstream keeps (RangeAllocation). Upstream: pkg/registry/core/service/portallocator
 */
import { randomBelow } from '../../../component-base/random.ts'
import type { KeyValue, KeyValueStore, WriteResult } from '../../storage/key-value.ts'
import type { Scope, ServiceMetrics } from './metrics.ts'
import { decodePorts, encodePorts, type PortRange } from './port-bitmap.ts'

export type PortResult =
  | { readonly type: 'allocated'; readonly port: number }
  | { readonly type: 'taken' }
  | { readonly type: 'out-of-range' }
  | { readonly type: 'full' }

/** What a change makes of the ports in use; undefined leaves them as they are. */
type Change<T> = (used: ReadonlySet<number>) => { readonly result: T; readonly used?: ReadonlySet<number> }

/** A change that waits for its turn. */
interface Waiting {
  /** The ports after it; remembers its result. */
  readonly apply: (used: ReadonlySet<number>) => ReadonlySet<number>
  readonly done: () => void
  readonly fail: (error: unknown) => void
}

/** Ports below are for people who choose, those from here on for the server. Upstream: calculateRangeOffset. */
export const dynamicStart = ({ first, last }: PortRange): number => {
  const size = last - first + 1
  return size <= 16 ? first : first + Math.min(128, Math.max(16, Math.floor(size / 32)))
}

/** Every number from `first` to `last` once, from a random one on. */
function* circle(first: number, last: number): Generator<number> {
  if (first > last) return
  const start = first + Number(randomBelow(BigInt(last - first + 1)))
  for (let port = start; port <= last; port++) yield port
  for (let port = first; port < start; port++) yield port
}

function* candidates(range: PortRange): Generator<number> {
  const start = dynamicStart(range)
  yield* circle(start, range.last)
  yield* circle(range.first, start - 1)
}

export class NodePortAllocator {
  readonly range: PortRange
  /** As messages name it. */
  readonly rangeText: string
  readonly #store: KeyValueStore
  readonly #key: string
  readonly #metrics: ServiceMetrics
  #waiting: Waiting[] = []
  #isWriting = false

  constructor(range: PortRange, store: KeyValueStore, root: string, metrics: ServiceMetrics) {
    this.#metrics = metrics
    this.range = range
    this.rangeText = `${range.first}-${range.last}`
    this.#store = store
    this.#key = `${root}/ranges/servicenodeports`
  }

  contains(port: number): boolean {
    return port >= this.range.first && port <= this.range.last
  }

  /** True if the port is in use. */
  async has(port: number): Promise<boolean> {
    const { current } = await this.#store.get(this.#key)
    return this.#decode(current).has(port)
  }

  async allocate(port: number): Promise<PortResult> {
    if (!this.contains(port)) return this.#counted({ type: 'out-of-range' }, 'static')
    const result = await this.#change<PortResult>((used) =>
      used.has(port)
        ? { result: { type: 'taken' } }
        : { result: { type: 'allocated', port }, used: new Set([...used, port]) },
    )
    return this.#counted(result, 'static')
  }

  async allocateNext(): Promise<PortResult> {
    const result = await this.#change<PortResult>((used) => {
      for (const port of candidates(this.range)) {
        if (!used.has(port)) return { result: { type: 'allocated', port }, used: new Set([...used, port]) }
      }
      return { result: { type: 'full' } }
    })
    return this.#counted(result, 'dynamic')
  }

  #counted(result: PortResult, scope: Scope): PortResult {
    if (result.type === 'allocated') this.#metrics.portAllocated(scope)
    else this.#metrics.portRefused(scope)
    return result
  }

  async release(ports: readonly number[]): Promise<void> {
    if (ports.length === 0) return
    await this.#change((used) => {
      const rest = new Set([...used].filter((port) => !ports.includes(port)))
      return rest.size === used.size ? { result: undefined } : { result: undefined, used: rest }
    })
  }

  /**
   * Writes what `rebuild` makes of the ports in use, unless somebody changes them meanwhile: then it is asked again.
   * What it reads of Services it has to read after it was called.
   */
  async rebuild(rebuild: (used: ReadonlySet<number>) => Promise<ReadonlySet<number>>): Promise<void> {
    let { current } = await this.#store.get(this.#key)
    for (;;) {
      const used = this.#decode(current)
      const wanted = await rebuild(used)
      if (current !== undefined && wanted.symmetricDifference(used).size === 0) return
      const written = await this.#put(wanted, current)
      if (written.type === 'written') return
      current = written.current
    }
  }

  /** All changes that come while one is written are written by the next one, together. */
  #change<T>(change: Change<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let last: T
      this.#waiting.push({
        apply: (used) => {
          const { result, used: next = used } = change(used)
          last = result
          return next
        },
        done: () => resolve(last),
        fail: reject,
      })
      if (!this.#isWriting) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#write(batch)
        for (const { done } of batch) done()
      } catch (error) {
        for (const { fail } of batch) fail(error)
      }
    }
    this.#isWriting = false
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    let { current } = await this.#store.get(this.#key)
    for (;;) {
      const before = this.#decode(current)
      const after = batch.reduce((used, { apply }) => apply(used), before)
      if (after === before) return
      const written = await this.#put(after, current)
      if (written.type === 'written') return
      current = written.current
    }
  }

  async #put(used: ReadonlySet<number>, current: KeyValue | undefined): Promise<WriteResult> {
    const written = await this.#store.put(this.#key, encodePorts(used, this.range), current?.modRevision ?? 0)
    const { first, last } = this.range
    if (written.type === 'written') this.#metrics.portsUsed(used.size, last - first + 1 - used.size)
    return written
  }

  /** Those of another range than ours stay out: nobody may have them now. */
  #decode(current: KeyValue | undefined): ReadonlySet<number> {
    return current === undefined
      ? new Set()
      : new Set([...decodePorts(current.value)].filter((port) => this.contains(port)))
  }
}
