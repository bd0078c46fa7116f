/** Claims and releases of a Service's cluster IPs. Upstream: allocClusterIPs and updateClusterIPs in storage/alloc.go. */
import { invalid } from '../../../api/meta/field-error.ts'
import { internalError } from '../../../api/meta/status-error.ts'
import type { IpFamily } from '../../../api/networking/service-ranges.ts'
import { type Claims, invalidService } from './claims.ts'
import { keepsPreference } from './ip-families.ts'
import { clusterIpsOf, type ServiceSpec } from './service-spec.ts'

const isIpFamily = (family: string): family is IpFamily => family === 'IPv4' || family === 'IPv6'

/** The address that is claimed: `wanted`, or any of the family if that is empty. */
const claimOne = async (claims: Claims, spec: ServiceSpec, family: string, wanted: string): Promise<string> => {
  const { service, dryRun, allocators } = claims
  if (!isIpFamily(family)) throw internalError(`failed to allocate a serviceIP: unknown IP family ${family}`)
  const result =
    wanted === ''
      ? await allocators.ips.allocateNext(family, service, dryRun)
      : await allocators.ips.allocate(wanted, service, dryRun)
  const refused = (why: string): never => {
    throw invalidService(service, [
      invalid('spec.clusterIPs', spec.clusterIPs, `failed to allocate IP ${wanted}: ${why}`),
    ])
  }
  switch (result.type) {
    case 'allocated':
      claims.tookIp(result.ip)
      return result.ip
    case 'taken':
      return refused('provided IP is already allocated')
    case 'mismatch':
      return refused('the provided network does not match the current range')
    case 'full':
      throw internalError('failed to allocate a serviceIP: range is full')
  }
}

/** Claims an address of each family, from the place `from` on. */
const claimFrom = async (claims: Claims, spec: ServiceSpec, from: number): Promise<void> => {
  const ips = [...(spec.clusterIPs ?? [])]
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (index >= from) ips[index] = await claimOne(claims, spec, family, ips[index] ?? '')
  }
  spec.clusterIPs = ips
  if (ips[0] !== undefined) spec.clusterIP = ips[0]
}

const isHeadless = ({ clusterIPs }: ServiceSpec): boolean => clusterIPs?.[0] === 'None'

export const claimClusterIps = async (claims: Claims, spec: ServiceSpec): Promise<void> => {
  if (spec.type !== 'ExternalName' && !isHeadless(spec)) await claimFrom(claims, spec, 0)
}

/** From and to ExternalName all addresses come and go; else it can only be the second one. */
export const updateClusterIps = async (claims: Claims, spec: ServiceSpec, old: ServiceSpec): Promise<void> => {
  if (keepsPreference(spec, old)) return
  if (old.type === 'ExternalName') return claimClusterIps(claims, spec)
  if (isHeadless(old)) return
  const held = clusterIpsOf(old)
  if (spec.type === 'ExternalName') return claims.releaseLater({ ips: held })
  const [before, now] = [(old.ipFamilies ?? []).length, (spec.ipFamilies ?? []).length]
  if (before === 1 && now === 2) await claimFrom(claims, spec, 1)
  if (before === 2 && now === 1) claims.releaseLater({ ips: held.slice(1) })
}
