/**
 * What is wrong between Services and the IPAddresses that hold their cluster IPs, and how it is mended. Pure.
 * Upstream: pkg/registry/core/service/ipallocator/controller/repairip.go.
 */
import { parseIp } from '../../api/meta/cidr.ts'
import { cidrsHolding, familyLabel, familyOf, isAllocated } from '../../api/networking/service-ranges.ts'
import type { IPAddress, Service, ServiceCIDR } from '../../api/types.ts'
import { canonicalIp } from '../registry/services/cluster-ip-allocator.ts'
import { clusterIpsOf } from '../registry/services/service-spec.ts'
import type { Warning } from './system-events.ts'

export type IpRepair =
  /** Only told: a person has to mend it. */
  | { readonly type: 'tell'; readonly warning: Warning }
  /** The Service's address has no IPAddress. */
  | { readonly type: 'claim'; readonly ip: string; readonly service: Service; readonly warning: Warning }
  /** The IPAddress of the Service's address says something else. */
  | {
      readonly type: 'replace'
      readonly address: IPAddress
      readonly service: Service
      readonly warning: Warning | undefined
    }
  | { readonly type: 'release'; readonly address: IPAddress; readonly warning: Warning }

export interface IpState {
  readonly services: ReadonlyMap<string, Service>
  readonly serviceCidrs: readonly ServiceCIDR[]
  readonly addressOf: (ip: string) => IPAddress | undefined
  /** As they were before the Services were read: a Service of these, if it is to come, is there. */
  readonly addresses: readonly IPAddress[]
  readonly nowMs: number
  /** Age in milliseconds from which an address without its Service has been leaked: no request takes longer. */
  readonly graceMs: number
}

const nameOf = ({ metadata }: Service): string => `${metadata?.namespace}/${metadata?.name}`
const holds = (service: Service, ip: string): boolean =>
  clusterIpsOf(service.spec).some((own) => canonicalIp(own) === ip)

const about =
  (service: Service, action: string) =>
  (reason: string, message: string): Warning => ({ object: service, action, reason, message })

const hasRightLabels = (address: IPAddress, family: string): boolean =>
  isAllocated(address) && address.metadata?.labels?.[familyLabel] === family

const planAddress = (address: IPAddress, service: Service, family: string, { services }: IpState): IpRepair[] => {
  const parent = address.spec?.parentRef
  const ip = address.metadata?.name ?? ''
  const warn = about(service, 'ClusterIPAllocation')
  const wrong = `the ClusterIP [${family}]: ${ip} for Service ${nameOf(service)} has a wrong reference; repairing`
  const replace = (warning: Warning | undefined): IpRepair[] => [{ type: 'replace', address, service, warning }]
  if ((parent?.group ?? '') !== '' || parent?.resource !== 'services') {
    return replace(warn('ClusterIPNotAllocated', wrong))
  }
  const owner = `${parent.namespace}/${parent.name}`
  if (owner !== nameOf(service)) {
    const other = services.get(owner)
    if (other === undefined || !holds(other, ip)) return replace(warn('ClusterIPNotAllocated', wrong))
    const message = `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`
    return [{ type: 'tell', warning: warn('ClusterIPAlreadyAllocated', message) }]
  }
  return hasRightLabels(address, family) ? [] : replace(undefined)
}

const planIp = (text: string, service: Service, state: IpState): IpRepair[] => {
  const parsed = parseIp(text)
  if (parsed === undefined) {
    const warn = about(service, 'ClusterIPValidation')
    const message = `Cluster IP ${text} is not a valid IP; please recreate Service`
    return [{ type: 'tell', warning: warn('ClusterIPNotValid', message) }]
  }
  const ip = canonicalIp(text)
  const family = familyOf(parsed)
  const warn = about(service, 'ClusterIPAllocation')
  if (cidrsHolding(state.serviceCidrs, parsed).length === 0) {
    const message = `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`
    return [{ type: 'tell', warning: warn('ClusterIPOutOfRange', message) }]
  }
  const address = state.addressOf(ip)
  if (address !== undefined) return planAddress(address, service, family, state)
  const message = `Cluster IP [${family}]: ${ip} is not allocated; repairing`
  return [{ type: 'claim', ip, service, warning: warn('ClusterIPNotAllocated', message) }]
}

const planOrphan = (address: IPAddress, { services, nowMs, graceMs }: IpState): IpRepair[] => {
  if (!isAllocated(address)) return []
  const ip = address.metadata?.name ?? ''
  const parent = address.spec?.parentRef
  const release = (reason: string, message: string): IpRepair[] => [
    { type: 'release', address, warning: { object: address, action: 'IPAddressAllocation', reason, message } },
  ]
  if ((parent?.group ?? '') !== '' || parent?.resource !== 'services') {
    const ref = `&{${parent?.group ?? ''} ${parent?.resource ?? ''} ${parent?.namespace ?? ''} ${parent?.name ?? ''}}`
    const message = `IPAddress ${ip} appears to have been modified, not referencing a Service ${ref}: cleaning up`
    return release('IPAddressNotAllocated', message)
  }
  const owner = `${parent.namespace}/${parent.name}`
  const service = services.get(owner)
  if (service !== undefined && holds(service, ip)) return []
  // Between the claim and the write of its Service an address looks just like one that was leaked.
  if (nowMs - Date.parse(address.metadata?.creationTimestamp ?? '') < graceMs) return []
  return service === undefined
    ? release('IPAddressNotAllocated', `IPAddress: ${ip} for Service ${owner} appears to have leaked: cleaning up`)
    : release('IPAddressWrongReference', `IPAddress: ${ip} for Service ${owner} has a wrong reference; cleaning up`)
}

export const planIpRepairs = (state: IpState): readonly IpRepair[] => {
  const ofServices = [...state.services.values()].flatMap((service) =>
    clusterIpsOf(service.spec).flatMap((text) => planIp(text, service, state)),
  )
  const replaced = new Set(ofServices.flatMap((repair) => (repair.type === 'replace' ? [repair.address] : [])))
  const orphans = state.addresses.filter((address) => !replaced.has(address))
  return [...ofServices, ...orphans.flatMap((address) => planOrphan(address, state))]
}
