/** IP addresses and ranges as values. Upstream: apiserver/pkg/cel/library/{ip,cidr}.go */
import { isIP } from 'node:net'
import { type Cidr, type Ip, ipText, parseCidr } from '../../meta/cidr.ts'
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, Opaque, type Value } from '../values.ts'
import { walk } from './operators.ts'

const widthOf = (family: 4 | 6): number => (family === 4 ? 32 : 128)

export class IpValue extends Opaque {
  readonly typeName = 'net.IP'
  readonly ip: Ip
  constructor(ip: Ip) {
    super()
    this.ip = ip
  }
  equals(other: Opaque): boolean {
    return other instanceof IpValue && other.ip.family === this.ip.family && other.ip.address === this.ip.address
  }
}

export class CidrValue extends Opaque {
  readonly typeName = 'net.CIDR'
  readonly cidr: Cidr
  constructor(cidr: Cidr) {
    super()
    this.cidr = cidr
  }
  equals(other: Opaque): boolean {
    if (!(other instanceof CidrValue)) return false
    const [a, b] = [this.cidr, other.cidr]
    return a.family === b.family && a.address === b.address && a.prefix === b.prefix
  }
}

/** Upstream takes neither zones nor IPv4 addresses in IPv6 clothes. */
const readIp = (text: string): Ip | string => {
  const version = isIP(text)
  if (text.includes('%')) return `IP address "${text}" with zone value is not allowed`
  const range = version === 0 ? undefined : parseCidr(`${text}/${version === 4 ? 32 : 128}`)
  if (range === undefined) return `IP Address "${text}" parse error during conversion from string`
  const { family, address } = range
  if (family === 6 && address >> 32n === 0xffffn) return `IPv4-mapped IPv6 address "${text}" is not allowed`
  return { family, address }
}
const readCidr = (text: string): Cidr | string => {
  if (text.includes('%')) return `CIDR "${text}" with zone value is not allowed`
  const cidr = parseCidr(text)
  if (cidr === undefined) return `network address parse error during conversion from string: "${text}"`
  if (cidr.family === 6 && cidr.address >> 32n === 0xffffn) return `IPv4-mapped IPv6 address "${text}" is not allowed`
  return cidr
}

const orFail = <T extends object>(read: T | string): T => {
  if (typeof read === 'string') throw new CelError(read)
  return read
}
const ip = (text: string): IpValue => new IpValue(orFail(readIp(text)))
const cidr = (text: string): CidrValue => new CidrValue(orFail(readCidr(text)))

/** The address without its host bits. */
const network = ({ family, address }: Ip, prefix: number): bigint => {
  const host = BigInt(widthOf(family) - prefix)
  return (address >> host) << host
}
const holds = ({ cidr: range }: CidrValue, { family, address }: Ip): boolean =>
  family === range.family && network({ family, address }, range.prefix) === network(range, range.prefix)
const holdsRange = (outer: CidrValue, { cidr: inner }: CidrValue): boolean =>
  inner.prefix >= outer.cidr.prefix && holds(outer, { ...inner, address: network(inner, inner.prefix) })

const within = (...ranges: readonly string[]): ((value: IpValue) => boolean) => {
  const parsed = ranges.map(cidr)
  return ({ ip: address }) => parsed.some((range) => holds(range, address))
}
const isUnspecified = within('0.0.0.0/32', '::/128')
const isLoopback = within('127.0.0.0/8', '::1/128')
const isLinkLocalMulticast = within('224.0.0.0/24', 'ff02::/16')
const isLinkLocalUnicast = within('169.254.0.0/16', 'fe80::/10')
const isMulticast = within('224.0.0.0/4', 'ff00::/8', '255.255.255.255/32')
const isGlobalUnicast = (value: IpValue): boolean =>
  !isUnspecified(value) && !isLoopback(value) && !isMulticast(value) && !isLinkLocalUnicast(value)

const isCanonical = (text: string): boolean => {
  const { family, address } = orFail(readIp(text))
  return ipText(family, address) === text
}
const masked = ({ cidr: range }: CidrValue): Value => new CidrValue({ ...range, address: network(range, range.prefix) })
const textOf = ({ family, address }: Ip): string => ipText(family, address)

export const addressFunctions: readonly FunctionDeclaration[] = [
  func('ip', 'string -> net.IP', ip, walk),
  func('isIP', 'string -> bool', (text: string) => typeof readIp(text) !== 'string', walk),
  func('ip.isCanonical', 'string -> bool', isCanonical, walk),
  func('string', 'net.IP -> string', (value: IpValue) => textOf(value.ip)),
  method('family', 'net.IP -> int', (value: IpValue) => BigInt(value.ip.family)),
  method('isUnspecified', 'net.IP -> bool', isUnspecified),
  method('isLoopback', 'net.IP -> bool', isLoopback),
  method('isLinkLocalMulticast', 'net.IP -> bool', isLinkLocalMulticast),
  method('isLinkLocalUnicast', 'net.IP -> bool', isLinkLocalUnicast),
  method('isGlobalUnicast', 'net.IP -> bool', isGlobalUnicast),
  func('cidr', 'string -> net.CIDR', cidr, walk),
  func('isCIDR', 'string -> bool', (text: string) => typeof readCidr(text) !== 'string', walk),
  func('string', 'net.CIDR -> string', (value: CidrValue) => `${textOf(value.cidr)}/${value.cidr.prefix}`),
  method('containsIP', 'net.CIDR, string -> bool', (range: CidrValue, text: string) => holds(range, ip(text).ip), walk),
  method('containsIP', 'net.CIDR, net.IP -> bool', (range: CidrValue, value: IpValue) => holds(range, value.ip)),
  method('containsCIDR', 'net.CIDR, string -> bool', (a: CidrValue, text: string) => holdsRange(a, cidr(text)), walk),
  method('containsCIDR', 'net.CIDR, net.CIDR -> bool', holdsRange),
  method('ip', 'net.CIDR -> net.IP', ({ cidr: { family, address } }: CidrValue) => new IpValue({ family, address })),
  method('masked', 'net.CIDR -> net.CIDR', masked),
  method('prefixLength', 'net.CIDR -> int', (value: CidrValue) => BigInt(value.cidr.prefix)),
]
