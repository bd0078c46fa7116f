/**
 * What an update of a Service means for what the server allocated: clusterIP and clusterIPs say the same in two forms,
 * what a client leaves out stays, and what the new type has no use for goes.
 * Upstream: normalizeClusterIPs, patchAllocatedValues and dropTypeDependentFields of pkg/registry/core/service.
 */
import type { Service } from '../types.ts'
import { isExternallyAccessible, needsHealthCheckPort, usesClusterIp, usesNodePorts } from './service-validation.ts'

type ServiceSpec = NonNullable<Service['spec']>

const sameList = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  (a ?? []).length === (b ?? []).length && (a ?? []).every((item, index) => item === b?.[index])

/** A client that knows only clusterIP means clusterIPs too. */
export const normalizeClusterIps = (spec: ServiceSpec, old: ServiceSpec | undefined): void => {
  const clusterIp = spec.clusterIP ?? ''
  if (old === undefined) {
    if (clusterIp !== '' && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [clusterIp]
    return
  }
  const before = old.clusterIP ?? ''
  if ((old.clusterIPs ?? []).length > 0 && (spec.clusterIPs ?? []).length === 0 && before === clusterIp) {
    spec.clusterIPs = [...(old.clusterIPs ?? [])]
  }
  if (before === clusterIp || !sameList(spec.clusterIPs, old.clusterIPs)) return
  if (before !== '' && clusterIp === '') delete spec.clusterIPs
  else spec.clusterIPs = [clusterIp]
}

const nodePortsOf = ({ ports }: ServiceSpec): Set<number> =>
  new Set((ports ?? []).map(({ nodePort }) => nodePort ?? 0).filter((nodePort) => nodePort !== 0))

/** By name, as other properties of the port may be what has changed. */
const keepNodePorts = (spec: ServiceSpec, old: ServiceSpec): void => {
  const before = new Map(old.ports?.map(({ name, nodePort }) => [name ?? '', nodePort ?? 0]))
  const taken = nodePortsOf(spec)
  for (const port of spec.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue
    const nodePort = before.get(port.name ?? '') ?? 0
    if (nodePort !== 0 && !taken.has(nodePort)) port.nodePort = nodePort
  }
}

/** Addresses and ports that the stored Service has and the new one leaves out: the same manifest can be sent again. */
export const keepAllocated = (spec: ServiceSpec, old: ServiceSpec): void => {
  if (usesClusterIp(old) && usesClusterIp(spec)) {
    if ((spec.clusterIP ?? '') === '' && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP
    if ((spec.clusterIPs ?? []).length === 0 && (old.clusterIPs ?? []).length > 0) {
      spec.clusterIPs = [...(old.clusterIPs ?? [])]
    }
  }
  if (usesNodePorts(old) && usesNodePorts(spec)) keepNodePorts(spec, old)
  if (!needsHealthCheckPort(old) || !needsHealthCheckPort(spec) || (spec.healthCheckNodePort ?? 0) !== 0) return
  if (old.healthCheckNodePort !== undefined) spec.healthCheckNodePort = old.healthCheckNodePort
}

const dropAddresses = (spec: ServiceSpec, old: ServiceSpec): void => {
  if ((spec.clusterIP ?? '') === (old.clusterIP ?? '') && sameList(spec.clusterIPs, old.clusterIPs)) {
    delete spec.clusterIP
    delete spec.clusterIPs
  }
  if (sameList(spec.ipFamilies, old.ipFamilies)) delete spec.ipFamilies
  if (spec.ipFamilyPolicy === old.ipFamilyPolicy) delete spec.ipFamilyPolicy
  delete spec.internalTrafficPolicy
}

/** Fields that a Service of another type used and this one cannot, where the client did not change them. */
export const dropTypeDependentFields = (spec: ServiceSpec, old: ServiceSpec): void => {
  if (usesClusterIp(old) && !usesClusterIp(spec)) dropAddresses(spec, old)
  if (usesNodePorts(old) && !usesNodePorts(spec)) {
    const before = nodePortsOf(old)
    if ([...nodePortsOf(spec)].every((nodePort) => before.has(nodePort))) {
      for (const port of spec.ports ?? []) delete port.nodePort
    }
  }
  if (
    needsHealthCheckPort(old) &&
    !needsHealthCheckPort(spec) &&
    spec.healthCheckNodePort === old.healthCheckNodePort
  ) {
    delete spec.healthCheckNodePort
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) {
      if (spec[field] === old[field]) delete spec[field]
    }
  }
  if (!isExternallyAccessible(spec) && spec.externalTrafficPolicy === old.externalTrafficPolicy)
    delete spec.externalTrafficPolicy
}
