/** Ranges of addresses: the little arithmetic that handing out addresses needs. */
import { boundsOf, containsCidr, ipText, parseCidr as parse, parseIp } from '../api/meta/cidr.ts'

export interface Cidr {
  readonly family: 4 | 6
  /** The first address. */
  readonly base: bigint
  readonly prefix: number
}

/** Parses `10.0.0.0/24` or `fd00::/64`; throws RangeError if it is no range. */
export const parseCidr = (text: string): Cidr => {
  const cidr = parse(text)
  if (cidr === undefined) throw new RangeError(`${text} is not a CIDR range`)
  return { family: cidr.family, base: boundsOf(cidr).first, prefix: cidr.prefix }
}

/** The ranges of a field of the cluster file: one, or one of each family, joined by a comma. */
export const rangesOf = (text: string): string[] => text.split(',')

/** The first of them, which is what a cluster of two families prefers. */
export const primaryOf = (text: string): string => rangesOf(text)[0] ?? ''

/** The address `offset` places into the range: `addressAt('10.0.0.0/24', 1)` is `10.0.0.1`. RangeError outside of it. */
export const addressAt = (range: string, offset: number): string => {
  const { family, base, prefix } = parseCidr(range)
  const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix)
  if (offset < 0 || BigInt(offset) >= size) throw new RangeError(`${range} has no address number ${offset}`)
  return ipText(family, base + BigInt(offset))
}

/** The address at that place of each range. */
export const addressesAt = (text: string, offset: number): string[] =>
  rangesOf(text).map((range) => addressAt(range, offset))

/** How far into the range an address is. */
export const offsetIn = (range: string, address: string): number =>
  Number((parseIp(address)?.address ?? 0n) - parseCidr(range).base)

/** Whether an address lies in a range. */
export const contains = (range: string, address: string): boolean => {
  const [outer, ip] = [parse(range), parseIp(address)]
  return outer !== undefined && ip !== undefined && containsCidr(outer, { ...ip, prefix: ip.family === 4 ? 32 : 128 })
}

/** `10.0.0.1`, or `[fd00::1]` as it stands in a URL. */
export const urlHost = (address: string): string => (address.includes(':') ? `[${address}]` : address)
