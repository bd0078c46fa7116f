/** Facts about a Service's spec, and what an update inherits from the stored one. Pure. */
import type { Service } from '../../../api/types.ts'

export type ServiceSpec = NonNullable<Service['spec']>

export const specOf = (service: Service): ServiceSpec => (service.spec ??= {})

export const needsClusterIp = ({ type }: ServiceSpec): boolean => type !== 'ExternalName'
export const isHeadless = ({ clusterIP }: ServiceSpec): boolean => clusterIP === 'None'
export const needsNodePort = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)
const mayHaveNodePort = ({ type }: ServiceSpec): boolean => type === 'NodePort' || type === 'LoadBalancer'
export const needsHealthCheckPort = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

export const nodePortsOf = (spec: ServiceSpec | undefined): number[] => {
  const ports = (spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort)
  return [...new Set([...ports, spec?.healthCheckNodePort ?? 0])].filter((port) => port !== 0)
}

export const clusterIpsOf = (spec: ServiceSpec | undefined): string[] => {
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP])
  return all.filter((ip) => ip !== '' && ip !== 'None')
}

/** clusterIP and clusterIPs[0] are the same thing said twice; what one of them says the other gets. */
export const alignClusterIps = (spec: ServiceSpec, old: ServiceSpec | undefined): void => {
  const single = spec.clusterIP ?? ''
  const list = spec.clusterIPs ?? []
  if (single !== '' && list.length === 0) {
    spec.clusterIPs = [single]
  } else if (single === '' && list.length > 0) {
    // An update that empties clusterIP while clusterIPs is as it was means to clear both.
    if (old !== undefined && (old.clusterIPs ?? []).join() === list.join() && (old.clusterIP ?? '') !== '')
      delete spec.clusterIPs
    else if (list[0] !== undefined) spec.clusterIP = list[0]
  }
}

/** Values that the server chose stay when a client leaves them out. Upstream: patchAllocatedValues. */
export const inheritAllocated = (spec: ServiceSpec, old: ServiceSpec): void => {
  if (needsClusterIp(old) && needsClusterIp(spec)) {
    if ((spec.clusterIP ?? '') === '' && (spec.clusterIPs ?? []).length === 0) {
      if (old.clusterIP !== undefined) spec.clusterIP = old.clusterIP
      if (old.clusterIPs !== undefined) spec.clusterIPs = [...old.clusterIPs]
    }
    if (spec.ipFamilies === undefined && old.ipFamilies !== undefined) spec.ipFamilies = [...old.ipFamilies]
    if (spec.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy = old.ipFamilyPolicy
  }
  if (needsNodePort(old) && needsNodePort(spec)) {
    const taken = new Set(nodePortsOf(spec))
    for (const port of spec.ports ?? []) {
      if ((port.nodePort ?? 0) !== 0) continue
      const before = old.ports?.find(
        (candidate) => candidate.port === port.port && candidate.protocol === port.protocol,
      )
      if (before?.nodePort === undefined || before.nodePort === 0 || taken.has(before.nodePort)) continue
      port.nodePort = before.nodePort
    }
  }
  if (needsHealthCheckPort(old) && needsHealthCheckPort(spec) && (spec.healthCheckNodePort ?? 0) === 0) {
    if (old.healthCheckNodePort !== undefined) spec.healthCheckNodePort = old.healthCheckNodePort
  }
}

/** Fields that another type does not have go, where the client did not change them. Upstream: dropTypeDependentFields. */
export const dropTypeDependent = (spec: ServiceSpec, old: ServiceSpec): void => {
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    if ((spec.clusterIP ?? '') === (old.clusterIP ?? '')) delete spec.clusterIP
    if ((spec.clusterIPs ?? []).join() === (old.clusterIPs ?? []).join()) delete spec.clusterIPs
    delete spec.ipFamilies
    delete spec.ipFamilyPolicy
    delete spec.internalTrafficPolicy
  }
  if (mayHaveNodePort(old) && !mayHaveNodePort(spec)) {
    const before = new Set(nodePortsOf(old))
    for (const port of spec.ports ?? []) if (before.has(port.nodePort ?? 0)) delete port.nodePort
    if (spec.externalTrafficPolicy === old.externalTrafficPolicy && (spec.externalIPs ?? []).length === 0)
      delete spec.externalTrafficPolicy
  }
  if (
    needsHealthCheckPort(old) &&
    !needsHealthCheckPort(spec) &&
    spec.healthCheckNodePort === old.healthCheckNodePort
  ) {
    delete spec.healthCheckNodePort
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
      delete spec.allocateLoadBalancerNodePorts
    if (spec.loadBalancerClass === old.loadBalancerClass) delete spec.loadBalancerClass
  }
}
