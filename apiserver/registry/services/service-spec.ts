/** What a Service's spec holds of the allocators. Pure. */
import { needsHealthCheckPort } from '../../../api/core/service-validation.ts'
import type { Service } from '../../../api/types.ts'

export type ServiceSpec = NonNullable<Service['spec']>

export const specOf = (service: Service): ServiceSpec => (service.spec ??= {})

/** Its node ports with that of health checks, each once. */
export const nodePortsOf = (spec: ServiceSpec | undefined): number[] => {
  const ports = (spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort)
  const health = spec !== undefined && needsHealthCheckPort(spec) ? (spec.healthCheckNodePort ?? 0) : 0
  return [...new Set([...ports, health])].filter((port) => port !== 0)
}

/** Its addresses, as they are written there; none if it is headless. */
export const clusterIpsOf = (spec: ServiceSpec | undefined): string[] => {
  if (spec === undefined || spec.type === 'ExternalName') return []
  const all = (spec.clusterIPs ?? []).length > 0 ? (spec.clusterIPs ?? []) : [spec.clusterIP ?? '']
  return all.filter((ip) => ip !== '' && ip !== 'None')
}
