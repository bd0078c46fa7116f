/** Ranges of IP addresses as numbers: containment, and the strict form that new fields want. */
import { isIP } from 'node:net'
import { isValidCidr, isValidIp } from './names.ts'

export interface Ip {
  readonly family: 4 | 6
  readonly address: bigint
}

export interface Cidr extends Ip {
  /** Length of the prefix in bits. */
  readonly prefix: number
}

const widthOf = (family: 4 | 6): number => (family === 4 ? 32 : 128)

const ipv4Number = (text: string): bigint =>
  text.split('.').reduce((number, octet) => number * 256n + BigInt(octet), 0n)

/** RFC 5952 form of an IPv6 address. */
export const canonicalIpv6 = (text: string): string => new URL(`http://[${text}]`).hostname.slice(1, -1)

/** The canonical form has no dotted tail and at most one `::`. */
const ipv6Number = (text: string): bigint => {
  const [head = '', tail] = canonicalIpv6(text).split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].reduce((number, group) => number * 65536n + BigInt(`0x${group}`), 0n)
}

/** An address as a number; undefined if `text` is none. An IPv4 address in IPv6 clothes (`::ffff:1.2.3.4`) is IPv4. */
export const parseIp = (text: string): Ip | undefined => {
  const version = isIP(text)
  if (version === 0 || text.includes('%')) return undefined
  if (version === 4) return { family: 4, address: ipv4Number(text) }
  const address = ipv6Number(text)
  return address >> 32n === 0xffffn ? { family: 4, address: address & 0xffffffffn } : { family: 6, address }
}

/** Undefined if `text` is no range. */
export const parseCidr = (text: string): Cidr | undefined => {
  if (isValidCidr(text).length > 0) return undefined
  const [ip = '', prefix] = text.split('/')
  const family = isIP(ip) === 4 ? 4 : 6
  return { family, address: family === 4 ? ipv4Number(ip) : ipv6Number(ip), prefix: Number(prefix) }
}

const hostBits = ({ family, prefix }: Cidr): bigint => BigInt(widthOf(family) - prefix)

const hasHostBits = (cidr: Cidr): boolean => (cidr.address & ((1n << hostBits(cidr)) - 1n)) !== 0n

/** The one canonical form of an address. */
export const ipText = (family: 4 | 6, address: bigint): string => {
  const part = family === 4 ? 8n : 16n
  const parts = Array.from({ length: family === 4 ? 4 : 8 }, (_, index, count = family === 4 ? 4 : 8) => {
    const value = (address >> (part * BigInt(count - 1 - index))) & ((1n << part) - 1n)
    return value.toString(family === 4 ? 10 : 16)
  })
  return family === 4 ? parts.join('.') : canonicalIpv6(parts.join(':'))
}

interface MaskedCidr {
  readonly hasHostBits: boolean
  /** The range without host bits, in canonical form. */
  readonly masked: string
  /** The one address, as a range. */
  readonly single: string
}

/** Undefined if `text` is no range. */
export const maskedCidr = (text: string): MaskedCidr | undefined => {
  const cidr = parseCidr(text)
  if (cidr === undefined) return undefined
  const { family, address, prefix } = cidr
  const network = (address >> hostBits(cidr)) << hostBits(cidr)
  return {
    hasHostBits: hasHostBits(cidr),
    masked: `${ipText(family, network)}/${prefix}`,
    single: `${ipText(family, address)}/${widthOf(family)}`,
  }
}

/** 4 or 6, or undefined if `text` is no range. */
export const cidrFamily = (text: string): 4 | 6 | undefined => parseCidr(text)?.family

/** The first and the last address of the range. */
export const boundsOf = (cidr: Cidr): { readonly first: bigint; readonly last: bigint } => {
  const first = (cidr.address >> hostBits(cidr)) << hostBits(cidr)
  return { first, last: first + (1n << hostBits(cidr)) - 1n }
}

/** True if all of `inner` lies in `outer`; equal ranges contain each other. */
export const containsCidr = (outer: Cidr, inner: Cidr): boolean =>
  outer.family === inner.family &&
  outer.prefix <= inner.prefix &&
  outer.address >> hostBits(outer) === inner.address >> hostBits(outer)

/** True if the ranges have an address in common. */
export const overlaps = (a: Cidr, b: Cidr): boolean => containsCidr(a, b) || containsCidr(b, a)

/** True if `inner` lies in `outer` and is smaller. False if either is no range. */
export const isStrictSubset = (inner: string, outer: string): boolean => {
  const [a, b] = [parseCidr(inner), parseCidr(outer)]
  return a !== undefined && b !== undefined && a.prefix > b.prefix && containsCidr(b, a)
}

/** What newer fields ask of an address: canonical form. Upstream: validation.IsValidIP. */
export const isStrictIp = (text: string): string[] => {
  if (/^\d+(\.\d+){3}$/.test(text) && isIP(text) === 0 && isIP(text.replaceAll(/\b0+(?=\d)/g, '')) === 4) {
    return ['must not have leading 0s']
  }
  const ip = parseIp(text)
  if (ip === undefined) return isValidIp(text)
  if (ip.family === 4 && text.includes(':')) return ['must not be an IPv4-mapped IPv6 address']
  const canonical = ipText(ip.family, ip.address)
  return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`]
}

/** What newer fields ask of a range: no host bits, canonical form. Upstream: validation.IsValidCIDR. */
export const isStrictCidr = (text: string): string[] => {
  const errors = isValidCidr(text)
  const cidr = parseCidr(text)
  if (cidr === undefined) return errors
  const [ip = '', prefix = ''] = text.split('/')
  if (prefix.length > 1 && prefix.startsWith('0')) return ['must not have leading 0s in IP or prefix length']
  if (cidr.family === 6 && cidr.address >> 32n === 0xffffn) return ['must not have an IPv4-mapped IPv6 address']
  if (hasHostBits(cidr)) return ['must not have bits set beyond the prefix length']
  const canonical = cidr.family === 4 ? text : `${canonicalIpv6(ip)}/${prefix}`
  return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`]
}
