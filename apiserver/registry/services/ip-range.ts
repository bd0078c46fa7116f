/** A range as the allocator walks it: which addresses, and in which order. Upstream: ipallocator.NewIPAllocator. */
import { type IpFamily, familyOf } from '../../../api/networking/service-ranges.ts'
import { boundsOf, type Cidr, ipText, parseCidr } from '../../../api/meta/cidr.ts'
import { UsageError } from '../../../component-base/process/run.ts'

export interface IpRange {
  readonly text: string
  readonly family: IpFamily
  /** The first and the last address that a Service can have; `first > last` if there is none. */
  readonly first: bigint
  readonly last: bigint
  /** Addresses below are kept for people who choose; the server takes from here on, and only then below (KEP-3070). */
  readonly dynamicStart: bigint
}

/** IPv6 ranges larger than this are no Service ranges. */
const maxIpv6HostBits = 64

const smallest = 16n
const largestStaticBand = 256n

const staticBandOf = (size: bigint): bigint => {
  if (size <= smallest) return 0n
  const share = size / 16n
  return share < smallest ? smallest : share > largestStaticBand ? largestStaticBand : share
}

const widthOf = ({ family }: Cidr): number => (family === 4 ? 32 : 128)

/** Undefined for an IPv6 range that is too large to allocate from. */
export const ipRangeOf = (cidr: Cidr): IpRange | undefined => {
  if (cidr.family === 6 && widthOf(cidr) - cidr.prefix > maxIpv6HostBits) return undefined
  const { first: network, last: end } = boundsOf(cidr)
  const first = network + 1n
  return {
    text: `${ipText(cidr.family, network)}/${cidr.prefix}`,
    family: familyOf(cidr),
    first,
    last: cidr.family === 4 ? end - 1n : end,
    dynamicStart: first + staticBandOf(end - network + 1n),
  }
}

const versionOf = (family: IpFamily): 4 | 6 => (family === 'IPv4' ? 4 : 6)

/** The address in its canonical form. */
export const addressText = ({ family }: IpRange, address: bigint): string => ipText(versionOf(family), address)

/** The address that upstream shows for one that a dry run does not take. */
export const networkText = ({ text }: IpRange): string => text.slice(0, text.indexOf('/'))

/** Every address from `first` to `last` once, beginning at `first + offset`. */
function* circle(first: bigint, last: bigint, offset: bigint): Generator<bigint> {
  for (let address = first + offset; address <= last; address++) yield address
  for (let address = first; address < first + offset; address++) yield address
}

/** All addresses in the order in which they are tried. `random` gives a whole number below its argument. */
export function* candidates(range: IpRange, random: (below: bigint) => bigint): Generator<bigint> {
  const { first, last, dynamicStart } = range
  if (last >= dynamicStart) yield* circle(dynamicStart, last, random(last - dynamicStart + 1n))
  if (dynamicStart > first) yield* circle(first, dynamicStart - 1n, random(dynamicStart - first))
}

const flag = '--service-cluster-ip-range'

/** The ranges of the flag, the primary one first. Throws UsageError. */
export const parseServiceRanges = (text: string): readonly [IpRange, ...IpRange[]] => {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.length > 2) throw new UsageError(`${flag} must not contain more than two entries`)
  const ranges = parts.map((part) => {
    const cidr = parseCidr(part)
    if (cidr === undefined) throw new UsageError(`${flag} ${JSON.stringify(part)} is not a valid cidr`)
    const range = ipRangeOf(cidr)
    if (range === undefined) {
      throw new UsageError(`specified ${flag} is too large; for 128-bit addresses, the mask must be >= 64`)
    }
    if (range.first > range.last) throw new UsageError(`${flag} ${JSON.stringify(part)} holds no address`)
    return range
  })
  const [primary, secondary] = ranges
  if (primary === undefined) throw new UsageError(`${flag} must contain at least one valid cidr`)
  if (secondary === undefined) return [primary]
  if (secondary.family === primary.family) {
    throw new UsageError(`${flag} must be of different IP family: ${primary.text}, ${secondary.text}`)
  }
  return [primary, secondary]
}
