/**
 * Where the endpoints of Services lie in the maps that a random number is looked up in: each list of endpoints has a
 * block of slots of its own. `numgen random mod 3 offset 64` hits one of the slots 64, 65 and 66.
 *
 *     map endpoints-tcp-7:  0 ── 15 │ 16 ── 31 │ 32 ─ 39 │ …
 *                           web/http  api/https   (free)
 *
 * So a changed endpoint is a changed element. Rules bind their map, and the kernel walks the bindings of a map with each
 * new one: many maps are needed, with few Services each, or 10,000 Services take minutes.
 */
import type { Protocol } from '../services/service-port.ts'

/** Maps by protocol; nft wants to know of which protocol the ports in a map are. */
export const shardCounts = { tcp: 128, udp: 32, sctp: 4 } as const satisfies Record<Protocol, number>

export const mapName = (protocol: Protocol, shard: number): string => `endpoints-${protocol}-${shard}`

/** The slots of one list of endpoints. `texts[i]` is in slot `offset + i`. */
export interface Block {
  readonly map: string
  readonly offset: number
  readonly capacity: number
  /** As elements of the map: `10.0.0.1 . 80`. */
  readonly texts: readonly string[]
}

const smallest = 4

/** Keeps every text that stays where it is; those that come fill the holes, and the last ones fill what is left. */
export const arrange = (before: readonly string[], wanted: readonly string[]): string[] => {
  const next = new Set(wanted)
  const slots: (string | undefined)[] = before.map((text) => (next.delete(text) ? text : undefined))
  const coming = [...next]
  const filled = slots.map((text) => text ?? coming.shift())
  filled.push(...coming)
  const holes = filled.flatMap((text, index) => (text === undefined ? [index] : []))
  const result = [...filled]
  for (const hole of holes) {
    while (result.length > 0 && result.at(-1) === undefined) result.pop()
    if (hole >= result.length) break
    result[hole] = result.pop()
  }
  return result.filter((text) => text !== undefined)
}

interface Shard {
  /** First slot that was never given out. */
  end: number
  /** Offsets of blocks that came back, by capacity. */
  readonly free: Map<number, number[]>
}

/** Hands out blocks, by the name of the chain that uses them. */
export class EndpointSlots {
  readonly #shards = new Map<string, Shard>()
  readonly #blocks = new Map<string, Block>()
  readonly #counters: Record<Protocol, number> = { tcp: 0, udp: 0, sctp: 0 }

  /** The block of a chain for these endpoints: the one it had, if they fit in. */
  place(chain: string, protocol: Protocol, wanted: readonly string[]): Block {
    const before = this.#blocks.get(chain)
    const fits = before !== undefined && wanted.length <= before.capacity
    if (!fits) this.release(chain)
    const block = fits
      ? { ...before, texts: arrange(before.texts, wanted) }
      : this.#allocate(protocol, wanted, before?.map)
    this.#blocks.set(chain, block)
    return block
  }

  /** The chain uses no block any more. */
  release(chain: string): void {
    const block = this.#blocks.get(chain)
    if (block === undefined) return
    this.#blocks.delete(chain)
    const free = this.#shards.get(block.map)?.free
    free?.set(block.capacity, [...(free.get(block.capacity) ?? []), block.offset])
  }

  #allocate(protocol: Protocol, texts: readonly string[], sameMap: string | undefined): Block {
    const map = sameMap ?? mapName(protocol, this.#counters[protocol]++ % shardCounts[protocol])
    const shard = this.#shards.get(map) ?? { end: 0, free: new Map<number, number[]>() }
    this.#shards.set(map, shard)
    const capacity = Math.max(smallest, 2 ** Math.ceil(Math.log2(texts.length)))
    const offset = shard.free.get(capacity)?.pop() ?? shard.end
    if (offset === shard.end) shard.end += capacity
    return { map, offset, capacity, texts: [...texts] }
  }
}
