/** What a Service's spec holds of the allocators. Pure. */
import { needsHealthCheckPort, usesNodePorts } from '../../../api/core/service-validation.ts'
import type { Service } from '../../../api/types.ts'

export type ServiceSpec = NonNullable<Service['spec']>

export const specOf = (service: Service): ServiceSpec => (service.spec ??= {})

/** Its node ports with that of health checks, each once. What a Service of another type names as such means nothing. */
export const nodePortsOf = (spec: ServiceSpec | undefined): number[] => {
  if (spec === undefined || !usesNodePorts(spec)) return []
  const ports = (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort)
  const health = needsHealthCheckPort(spec) ? (spec.healthCheckNodePort ?? 0) : 0
  return [...new Set([...ports, health])].filter((port) => port !== 0)
}

/** Its addresses, as they are written there; none if it is headless. */
export const clusterIpsOf = (spec: ServiceSpec | undefined): string[] => {
  if (spec === undefined || spec.type === 'ExternalName') return []
  const all = (spec.clusterIPs ?? []).length > 0 ? (spec.clusterIPs ?? []) : [spec.clusterIP ?? '']
  return all.filter((ip) => ip !== '' && ip !== 'None')
}
