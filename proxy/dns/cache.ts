/** Remembers what resolvers answered, for as long as they allow and not longer than CoreDNS' default. */
import { LRUCache } from 'lru-cache'
import { isTruncated, questionEnd, rcodeOf, readdress, timesOf } from './message.ts'

interface Entry {
  readonly response: Buffer
  readonly ttlOffsets: readonly number[]
  /** Milliseconds of the clock. */
  readonly storedAt: number
  readonly expiresAt: number
}

const maxEntries = 9_984
const maxSeconds = 30
const nxdomain = 3

/** Answers that are remembered: "here it is" and "there is none". */
export type CacheHit = { readonly type: 'success' | 'denial'; readonly response: Buffer }

/** What makes two questions the same: name without case, type and class, and what the client understands (EDNS, DO, CD). */
export const cacheKey = (query: Buffer): string => {
  const end = questionEnd(query)
  const hasEdns = query.readUInt16BE(10) > 0
  // The flags of an OPT record without options in front of it: root name, type, size, then the flags' word.
  const wantsDnssec = hasEdns && end + 9 <= query.length && (query.readUInt16BE(end + 7) & 0x8000) !== 0
  const checkingDisabled = (query.readUInt16BE(2) & 0x0010) !== 0
  return `${query.toString('latin1', 12, end).toLowerCase()}|${Number(hasEdns)}${Number(wantsDnssec)}${Number(checkingDisabled)}`
}

export class DnsCache {
  readonly #entries = new LRUCache<string, Entry>({ max: maxEntries })
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#entries.size
  }

  /** The answer to a query if one is remembered; it has the query's id. */
  get(key: string, query: Buffer): CacheHit | undefined {
    const entry = this.#entries.get(key)
    const now = this.#now()
    if (entry === undefined || entry.expiresAt <= now) return undefined
    const ageSeconds = Math.floor((now - entry.storedAt) / 1000)
    const response = readdress(entry.response, query, { ttlOffsets: entry.ttlOffsets, ageSeconds })
    const isSuccess = rcodeOf(response) === 0 && response.readUInt16BE(6) > 0
    return { type: isSuccess ? 'success' : 'denial', response }
  }

  /** Remembers a response, unless it is a failure, cut, or forbids it. */
  set(key: string, response: Buffer): void {
    const rcode = rcodeOf(response)
    if ((rcode !== 0 && rcode !== nxdomain) || isTruncated(response)) return
    try {
      const { ttlOffsets, minTtl = 0 } = timesOf(response)
      if (minTtl === 0) return
      const storedAt = this.#now()
      const expiresAt = storedAt + Math.min(minTtl, maxSeconds) * 1000
      this.#entries.set(key, { response: Buffer.from(response), ttlOffsets, storedAt, expiresAt })
    } catch {
      // What cannot be read is passed on, and not kept.
    }
  }
}
