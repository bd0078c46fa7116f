/** Which ServiceCIDRs may go, and which have to do with each other. Pure. Upstream: pkg/controller/servicecidrs. */
import { parseIp } from '../../api/meta/cidr.ts'
import {
  cidrsContaining,
  cidrsHolding,
  cidrsOverlapping,
  familyLabel,
  familyOf,
  isAllocated,
  rangesOf,
} from '../../api/networking/service-ranges.ts'
import type { IPAddress, ServiceCIDR } from '../../api/types.ts'
import { isDeleting, labelsOf, nameOf } from '../objects.ts'

export const finalizer = 'networking.k8s.io/service-cidr-finalizer'

/** How long a deletion is known before the range goes: until then an API server may still take addresses from it. */
export const deletionGraceMs = 10_000

export type ReadyCondition =
  | { readonly status: 'True'; readonly reason: ''; readonly message: string }
  | { readonly status: 'False'; readonly reason: 'Terminating'; readonly message: string }

const ready: ReadyCondition = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }
const terminating: ReadyCondition = {
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
}

export type ServiceCidrPlan =
  /** It serves: it gets the finalizer and the condition, where it lacks them. */
  | { readonly type: 'serve'; readonly condition: ReadyCondition; readonly lacksFinalizer: boolean }
  /** Addresses depend on it and on nothing else. */
  | { readonly type: 'hold'; readonly condition: ReadyCondition }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'let-go' }
  | { readonly type: 'nothing' }

/** True if no address would be left without a range. */
const mayGo = (cidr: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean => {
  const name = nameOf(cidr)
  const isAlone = (found: readonly ServiceCIDR[]): boolean => found.every((other) => nameOf(other) === name)
  const ranges = rangesOf(cidr)
  if (!ranges.some((range) => isAlone(cidrsContaining(all, range)))) return true
  const families = new Set<string>(ranges.map(familyOf))
  return !addresses.some((address) => {
    if (!isAllocated(address) || !families.has(labelsOf(address)[familyLabel] ?? '')) return false
    const ip = parseIp(nameOf(address))
    if (ip === undefined) return false
    const holding = cidrsHolding(all, ip)
    return holding.length > 0 && isAlone(holding)
  })
}

export const planServiceCidr = (
  cidr: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
  nowMs: number,
): ServiceCidrPlan => {
  const isHeld = (cidr.metadata?.finalizers ?? []).includes(finalizer)
  if (!isDeleting(cidr)) return { type: 'serve', condition: ready, lacksFinalizer: !isHeld }
  if (!mayGo(cidr, all, addresses)) return { type: 'hold', condition: terminating }
  const leftMs = Date.parse(cidr.metadata?.deletionTimestamp ?? '') + deletionGraceMs - nowMs
  if (leftMs > 0) return { type: 'wait', ms: leftMs }
  return { type: isHeld ? 'let-go' : 'nothing' }
}

/** Names of the ServiceCIDRs whose fate may turn on this one: those that share addresses with it, itself among them. */
export const concernedByCidr = (cidr: ServiceCIDR, all: readonly ServiceCIDR[]): string[] => [
  ...new Set([nameOf(cidr), ...rangesOf(cidr).flatMap((range) => cidrsOverlapping(all, range).map(nameOf))]),
]

/** Names of those whose fate may turn on this address. */
export const concernedByAddress = (address: IPAddress, all: readonly ServiceCIDR[]): string[] => {
  const ip = isAllocated(address) ? parseIp(nameOf(address)) : undefined
  return ip === undefined ? [] : cidrsHolding(all, ip).map(nameOf)
}
