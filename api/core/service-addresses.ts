/**
 * clusterIP and clusterIPs say the same in two forms; and what was allocated stays when a client leaves it out.
 * Upstream: pkg/registry/core/service/storage (normalizeClusterIPs, patchAllocatedValues).
 */
import type { Service } from '../types.ts'
import { usesClusterIp, usesNodePorts } from './service-validation.ts'

type ServiceSpec = NonNullable<Service['spec']>

const sameList = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  (a ?? []).length === (b ?? []).length && (a ?? []).every((item, index) => item === b?.[index])

/** An old client knows only clusterIP: what it changes there holds for clusterIPs too. */
export const normalizeClusterIps = (spec: ServiceSpec, old: ServiceSpec | undefined): void => {
  const clusterIp = spec.clusterIP ?? ''
  if (old === undefined) {
    if (clusterIp !== '' && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [clusterIp]
    return
  }
  if (clusterIp === (old.clusterIP ?? '') || !sameList(spec.clusterIPs, old.clusterIPs)) return
  if (clusterIp === '') delete spec.clusterIPs
  else spec.clusterIPs = [clusterIp, ...(spec.clusterIPs ?? []).slice(1)]
}

const keepNodePorts = (spec: ServiceSpec, old: ServiceSpec): void => {
  const before = new Map(old.ports?.map((port) => [`${port.protocol}/${port.port}`, port.nodePort]))
  const taken = new Set(spec.ports?.map(({ nodePort }) => nodePort ?? 0))
  for (const port of spec.ports ?? []) {
    const nodePort = before.get(`${port.protocol}/${port.port}`) ?? 0
    if ((port.nodePort ?? 0) === 0 && nodePort !== 0 && !taken.has(nodePort)) port.nodePort = nodePort
  }
}

/** Addresses and ports that the stored service has and the new one leaves out. */
export const keepAllocated = (spec: ServiceSpec, old: ServiceSpec): void => {
  if (usesClusterIp(old) && usesClusterIp(spec)) {
    if ((spec.clusterIP ?? '') === '' && (spec.clusterIPs ?? []).length === 0) {
      if (old.clusterIP !== undefined) spec.clusterIP = old.clusterIP
      if (old.clusterIPs !== undefined) spec.clusterIPs = [...old.clusterIPs]
    }
  }
  if (usesNodePorts(old) && usesNodePorts(spec)) keepNodePorts(spec, old)
  const local = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
    type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
  if (local(old) && local(spec) && (spec.healthCheckNodePort ?? 0) === 0 && old.healthCheckNodePort !== undefined) {
    spec.healthCheckNodePort = old.healthCheckNodePort
  }
}

/** Fields that a service of another type used and this one cannot. */
export const dropTypeDependentFields = (spec: ServiceSpec, old: ServiceSpec): void => {
  if (usesClusterIp(old) && !usesClusterIp(spec) && sameList(spec.clusterIPs, old.clusterIPs)) {
    delete spec.clusterIP
    delete spec.clusterIPs
    delete spec.ipFamilies
    delete spec.ipFamilyPolicy
    delete spec.internalTrafficPolicy
  }
  if (usesNodePorts(old) && !usesNodePorts(spec)) {
    const before = new Set(old.ports?.map(({ nodePort }) => nodePort))
    for (const port of spec.ports ?? []) if (before.has(port.nodePort)) delete port.nodePort
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass', 'healthCheckNodePort'] as const) {
      if (spec[field] === old[field]) delete spec[field]
    }
  }
  const accessible = usesNodePorts(spec) || (spec.externalIPs ?? []).length > 0
  if (!accessible && spec.externalTrafficPolicy === old.externalTrafficPolicy) delete spec.externalTrafficPolicy
}
