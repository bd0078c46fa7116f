/**
 * What ServiceCIDRs say about addresses, for the allocator in the API server and the controller that keeps the
 * ranges. Upstream: pkg/api/servicecidr.
 */
import { findCondition } from '../meta/conditions.ts'
import { boundsOf, type Cidr, containsCidr, type Ip, overlaps, parseCidr } from '../meta/cidr.ts'
import type { IPAddress, ServiceCIDR } from '../types.ts'

export type IpFamily = 'IPv4' | 'IPv6'

/** The ServiceCIDR that the API server makes from its flags. */
export const defaultServiceCidrName = 'kubernetes'
export const familyLabel = 'ipaddress.kubernetes.io/ip-family'
export const managedByLabel = 'ipaddress.kubernetes.io/managed-by'
/** Value of `managedByLabel` on what the API server allocates. */
export const allocatorName = 'ipallocator.k8s.io'

export const familyOf = ({ family }: Pick<Ip, 'family'>): IpFamily => (family === 4 ? 'IPv4' : 'IPv6')
export const otherFamily = (family: IpFamily): IpFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4')

export const isAllocated = ({ metadata }: IPAddress): boolean => metadata?.labels?.[managedByLabel] === allocatorName

/** The well-formed ranges of a ServiceCIDR. */
export const rangesOf = ({ spec }: ServiceCIDR): readonly Cidr[] =>
  (spec?.cidrs ?? []).flatMap((text) => parseCidr(text) ?? [])

/** True if Services can have this address of the range: not the network's own, nor IPv4's broadcast address. */
export const isUsable = (range: Cidr, ip: Ip): boolean => {
  if (range.family !== ip.family) return false
  const { first, last } = boundsOf(range)
  return ip.address > first && (ip.family === 4 ? ip.address < last : ip.address <= last)
}

/** The ServiceCIDRs in which Services can have the address. */
export const cidrsHolding = (all: Iterable<ServiceCIDR>, ip: Ip): ServiceCIDR[] =>
  [...all].filter((cidr) => rangesOf(cidr).some((range) => isUsable(range, ip)))

/** The ServiceCIDRs that contain the whole range, its own among them. */
export const cidrsContaining = (all: Iterable<ServiceCIDR>, range: Cidr): ServiceCIDR[] =>
  [...all].filter((cidr) => rangesOf(cidr).some((outer) => containsCidr(outer, range)))

/** The ServiceCIDRs that share addresses with the range. */
export const cidrsOverlapping = (all: Iterable<ServiceCIDR>, range: Cidr): ServiceCIDR[] =>
  [...all].filter((cidr) => rangesOf(cidr).some((other) => overlaps(other, range)))

/** True if addresses may be taken from it. Without a condition it counts as ready: no controller may be running. */
export const isAllocatable = ({ metadata, status }: ServiceCIDR): boolean =>
  metadata?.deletionTimestamp === undefined && (findCondition(status?.conditions, 'Ready')?.status ?? 'True') === 'True'
