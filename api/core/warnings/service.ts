/** Upstream: pkg/api/service/warnings.go. */
import { child } from '../../meta/field-error.ts'
import { cidrWarnings, ipWarnings } from '../../meta/ip-warnings.ts'
import type { Service } from '../../types.ts'
import { isHeadless, usesClusterIp } from '../service-validation.ts'

type ServiceSpec = NonNullable<Service['spec']>

const topologyHints = 'service.kubernetes.io/topology-aware-hints'
const topologyMode = 'service.kubernetes.io/topology-mode'

const headlessWarnings = (spec: ServiceSpec): string[] => {
  const warnings: string[] = []
  if ((spec.loadBalancerIP ?? '') !== '') warnings.push('spec.loadBalancerIP is ignored for headless services')
  if ((spec.externalIPs ?? []).length > 0) warnings.push('spec.externalIPs is ignored for headless services')
  if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services')
  return warnings
}

const externalIpWarnings = (spec: ServiceSpec, headless: boolean): string[] => {
  const ips = spec.externalIPs ?? []
  const warnings = ips.flatMap((ip, index) => ipWarnings(child('spec.externalIPs', index), ip))
  if (ips.length > 0 && !headless && spec.type !== 'ExternalName') {
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters')
  }
  return warnings
}

export const serviceWarnings = ({ metadata, spec }: Service): readonly string[] => {
  const warnings: string[] = []
  if (metadata?.annotations?.[topologyHints] !== undefined) {
    warnings.push(`annotation ${topologyHints} is deprecated, please use ${topologyMode} instead`)
  }
  if (spec === undefined) return warnings
  const headless = spec.type === 'ClusterIP' && isHeadless(spec)
  if (!isHeadless(spec) && usesClusterIp(spec)) {
    for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
      warnings.push(...ipWarnings(child('spec.clusterIPs', index), ip))
    }
  }
  if (headless) warnings.push(...headlessWarnings(spec))
  warnings.push(
    ...externalIpWarnings(spec, headless),
    ...ipWarnings('spec.loadBalancerIP', spec.loadBalancerIP ?? ''),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) =>
      cidrWarnings(child('spec.loadBalancerSourceRanges', index), range),
    ),
  )
  if (spec.type === 'ExternalName' && (spec.externalIPs ?? []).length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  }
  if (spec.type !== 'ExternalName' && (spec.externalName ?? '') !== '') {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  }
  if (spec.trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
  }
  return warnings
}
