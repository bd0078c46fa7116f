/** The Service CIDR as numbers. IPv4 only: a second family is refused by name. */
import { UsageError } from '../../../component-base/process/run.ts'

export interface IpRange {
  readonly text: string
  /** Network address as a number. */
  readonly base: number
  /** Addresses in the range, network and broadcast included. */
  readonly size: number
}

export const ipToNumber = (ip: string): number | undefined => {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(ip)
  if (match === null) return undefined
  const parts = match.slice(1).map(Number)
  return parts.some((part) => part > 255) ? undefined : parts.reduce((sum, part) => sum * 256 + part, 0)
}

export const numberToIp = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')

export const parseIpRange = (text: string): IpRange => {
  const [first = '', ...others] = text.split(',')
  if (others.length > 0) throw new UsageError('dual-stack --service-cluster-ip-range is not implemented by kubets')
  const [address = '', bits = ''] = first.split('/')
  const value = ipToNumber(address)
  if (value === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 30) {
    throw new UsageError(`--service-cluster-ip-range ${JSON.stringify(first)} is not an IPv4 range`)
  }
  const size = 2 ** (32 - Number(bits))
  const base = Math.floor(value / size) * size
  return { text: `${numberToIp(base)}/${bits}`, base, size }
}

/** The address at `offset` in the range. */
export const addressAt = ({ base }: IpRange, offset: number): string => numberToIp(base + offset)

/** Offset of an address, or undefined if it cannot be given to a Service. */
export const offsetOf = ({ base, size }: IpRange, ip: string): number | undefined => {
  const value = ipToNumber(ip)
  if (value === undefined) return undefined
  const offset = value - base
  return offset > 0 && offset < size - 1 ? offset : undefined
}

/**
 * Offsets below it are kept for addresses that people choose; the server picks above, and only below when that is
 * full. Upstream: calculateRangeOffset (KEP-3070).
 */
export const staticBandEnd = ({ size }: IpRange): number => {
  if (size < 16) return 0
  return Math.min(256, Math.max(16, Math.floor(size / 16)))
}
