/** The two families of IP, and how nftables and iproute2 call what belongs to each. */
import { isIPv6 } from 'node:net'

export type IpFamily = 'IPv4' | 'IPv6'

export const ipFamilies: readonly IpFamily[] = ['IPv4', 'IPv6']

export interface FamilyWords {
  /** Selects a packet's addresses: `ip daddr`, and names the family of a table. */
  readonly ip: 'ip' | 'ip6'
  readonly addressType: 'ipv4_addr' | 'ipv6_addr'
  /** Matches what is not sent to the loopback interface. */
  readonly notLoopback: string
  readonly width: 32 | 128
}

export const familyWords: Readonly<Record<IpFamily, FamilyWords>> = {
  IPv4: { ip: 'ip', addressType: 'ipv4_addr', notLoopback: 'ip daddr != 127.0.0.0/8', width: 32 },
  IPv6: { ip: 'ip6', addressType: 'ipv6_addr', notLoopback: 'ip6 daddr != ::1', width: 128 },
}

/** Family of an address or of a range (`10.0.0.0/8`). */
export const familyOf = (text: string): IpFamily => (isIPv6(text.split('/')[0] ?? '') ? 'IPv6' : 'IPv4')

/** Those of one family, in their order. */
export const ofFamily = (family: IpFamily, texts: readonly string[]): string[] =>
  texts.filter((text) => text !== '' && familyOf(text) === family)

/** `10.0.0.1:80` or `[fd00::1]:80`. */
export const hostPort = (ip: string, port: number): string =>
  familyOf(ip) === 'IPv6' ? `[${ip}]:${port}` : `${ip}:${port}`
