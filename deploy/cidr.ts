/** IPv4 ranges: the little arithmetic that handing out addresses needs. */

export interface Cidr {
  readonly base: number
  readonly prefix: number
}

const toNumber = (address: string): number => {
  const parts = address.split('.').map(Number)
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new RangeError(`${address} is not an IPv4 address`)
  }
  return parts.reduce((value, part) => value * 256 + part, 0)
}

const toText = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')

/** Parses `10.0.0.0/24`; throws RangeError if it is no IPv4 range. */
export const parseCidr = (text: string): Cidr => {
  const [address = '', length = ''] = text.split('/')
  const prefix = Number(length)
  if (length === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > 32) {
    throw new RangeError(`${text} is not a CIDR range`)
  }
  const size = 2 ** (32 - prefix)
  const value = toNumber(address)
  return { base: value - (value % size), prefix }
}

/** The address `offset` places into the range: `addressAt('10.0.0.0/24', 1)` is `10.0.0.1`. RangeError outside of it. */
export const addressAt = (range: string, offset: number): string => {
  const { base, prefix } = parseCidr(range)
  if (offset < 0 || offset >= 2 ** (32 - prefix)) throw new RangeError(`${range} has no address number ${offset}`)
  return toText(base + offset)
}

/** Whether an address lies in a range. */
export const contains = (range: string, address: string): boolean => {
  const { base, prefix } = parseCidr(range)
  return parseCidr(`${address}/${prefix}`).base === base
}
