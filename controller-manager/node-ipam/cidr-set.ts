/** The per-node ranges of a cluster CIDR. Upstream: pkg/controller/nodeipam/ipam/cidrset. */

interface Prefix {
  readonly base: bigint
  readonly bits: 32 | 128
  readonly length: number
}

const parseV4 = (text: string): bigint | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

const parseV6 = (text: string): bigint | undefined => {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = 8 - left.length - right.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right]
  if (groups.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

/** Reads `10.244.0.0/16` or `fd00::/48`; throws RangeError where it is neither. */
export const parseCidr = (text: string): Prefix => {
  const [address = '', lengthText = ''] = text.split('/')
  const bits = address.includes(':') ? 128 : 32
  const value = bits === 128 ? parseV6(address) : parseV4(address)
  const length = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : -1
  if (value === undefined || length < 0 || length > bits) throw new RangeError(`invalid CIDR address: ${text}`)
  const hostBits = BigInt(bits - length)
  return { base: (value >> hostBits) << hostBits, bits, length }
}

const formatAddress = (value: bigint, bits: 32 | 128): string => {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt((7 - index) * 16)) & 0xffffn))
  // The longest run of zeros is written `::`, as Go and RFC 5952 do.
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start += 1) {
    let length = 0
    while (groups[start + length] === 0) length += 1
    if (length > best.length) best = { start, length }
  }
  const hex = groups.map((group) => group.toString(16))
  if (best.start < 0) return hex.join(':')
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`
}

/** Upstream's limit: more node ranges than this are a mistake in the flags. */
const maxRanges = 2 ** 16

/** Hands out ranges of `nodeMaskSize` in turn, and takes them back. */
export class CidrSet {
  readonly #cluster: Prefix
  readonly #nodeMaskSize: number
  readonly #count: number
  readonly #used = new Set<number>()
  #next = 0

  constructor(clusterCidr: string, nodeMaskSize: number) {
    this.#cluster = parseCidr(clusterCidr)
    const { length, bits } = this.#cluster
    if (nodeMaskSize < length || nodeMaskSize > bits || 2 ** (nodeMaskSize - length) > maxRanges) {
      throw new RangeError(`New CIDR set failed; the node CIDR size is too big: ${clusterCidr} with /${nodeMaskSize}`)
    }
    this.#nodeMaskSize = nodeMaskSize
    this.#count = 2 ** (nodeMaskSize - length)
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.#cluster.bits === 32 ? 'IPv4' : 'IPv6'
  }

  /** The next free range, or undefined where all are taken. */
  allocate(): string | undefined {
    if (this.#used.size >= this.#count) return undefined
    let index = this.#next
    while (this.#used.has(index)) index = (index + 1) % this.#count
    this.#used.add(index)
    // Going round before reusing: a released range rests as long as possible.
    this.#next = (index + 1) % this.#count
    return this.#format(index)
  }

  /** Marks everything that overlaps `cidr` as taken. Ranges outside of the cluster's are none of our business. */
  occupy(cidr: string): void {
    for (const index of this.#overlap(cidr)) this.#used.add(index)
  }

  release(cidr: string): void {
    for (const index of this.#overlap(cidr)) this.#used.delete(index)
  }

  #format(index: number): string {
    const { base, bits } = this.#cluster
    const value = base + (BigInt(index) << BigInt(bits - this.#nodeMaskSize))
    return `${formatAddress(value, bits)}/${this.#nodeMaskSize}`
  }

  #overlap(cidr: string): number[] {
    const { base, bits } = this.#cluster
    const prefix = parseCidr(cidr)
    if (prefix.bits !== bits) return []
    const shift = BigInt(bits - this.#nodeMaskSize)
    const first = (prefix.base - base) >> shift
    const last = (prefix.base + (1n << BigInt(bits - prefix.length)) - 1n - base) >> shift
    const result: number[] = []
    const low = first < 0n ? 0 : Number(first)
    const high = last >= BigInt(this.#count) ? this.#count - 1 : Number(last)
    for (let index = low; index <= high; index += 1) result.push(index)
    return result
  }
}
