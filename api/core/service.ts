import { validateServicePoints } from '../meta/load-balancer.ts'
import { serviceWarnings } from './warnings/service.ts'
import { defineKind } from '../kind.ts'
import { isDns1035Label } from '../meta/names.ts'
import { ageColumn, column, labelsOrNone, nameColumn, textOr, wideColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { Service } from '../types.ts'
import { dropTypeDependentFields } from './service-addresses.ts'
import { isExternallyAccessible, validateService, validateServiceUpdate } from './service-validation.ts'
import { proxySubresource } from './subresources.ts'

/** Three hours. */
const clientIpAffinitySeconds = 10800

type ServiceSpec = NonNullable<Service['spec']>

const setAffinityDefaults = (spec: ServiceSpec): void => {
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  else if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: clientIpAffinitySeconds } }
  }
}

/** Addresses, IP families and node ports, and what an update leaves out of them, are the allocator's, in the API server. */
const setDefaults = (service: Service): void => {
  const spec = (service.spec ??= {})
  setAffinityDefaults(spec)
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  const status = (service.status ??= {})
  status.loadBalancer ??= {}
  if (spec.type === 'LoadBalancer') {
    for (const ingress of status.loadBalancer.ingress ?? []) if ((ingress.ip ?? '') !== '') ingress.ipMode ??= 'VIP'
  }
}

const externalAddresses = (service: Service): string => {
  const spec = service.spec ?? {}
  const own = spec.externalIPs ?? []
  if (spec.type === 'ExternalName') return spec.externalName ?? ''
  if (spec.type === 'LoadBalancer') {
    const balanced = (service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => textOr(ip, hostname ?? ''))
    const all = [...[...new Set(balanced)].sort(), ...own]
    return all.length === 0 ? '<pending>' : all.join(',')
  }
  return own.length === 0 ? '<none>' : own.join(',')
}

const portsText = (service: Service): string => {
  const ports = (service.spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
    (nodePort ?? 0) === 0 ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`,
  )
  return ports.length === 0 ? '<none>' : ports.join(',')
}

const status = serverStatus<Service>(() => ({ loadBalancer: {} }))

export const serviceKind = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  scope: 'Namespaced',
  shortNames: ['svc'],
  categories: ['all'],
  allowCreateOnUpdate: true,
  subresources: [proxySubresource('ServiceProxyOptions'), 'status'],
  validateName: isDns1035Label,
  selectableFields: {
    'spec.clusterIP': (service) => service.spec?.clusterIP ?? '',
    'spec.type': (service) => service.spec?.type ?? '',
  },
  setDefaults,
  prepareForCreate: (service) => {
    status.prepareForCreate(service)
    if (service.spec?.type === 'ExternalName') delete service.spec.internalTrafficPolicy
  },
  prepareForUpdate: (service, old) => {
    status.prepareForUpdate(service, old)
    if (service.spec === undefined || old.spec === undefined) return
    dropTypeDependentFields(service.spec, old.spec)
    // The load balancer goes by and by, but is nothing to look at any more.
    if (service.spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} }
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: ({ spec, status: { loadBalancer } = {} }) =>
    validateServicePoints(loadBalancer?.ingress, spec?.type),
  warnings: serviceWarnings,
  columns: [
    nameColumn,
    column('Type', 'How the service is reached.', (service) => service.spec?.type ?? ''),
    column('Cluster-IP', 'Virtual address inside the cluster.', (service) =>
      textOr(service.spec?.clusterIPs?.[0] ?? service.spec?.clusterIP, '<none>'),
    ),
    column('External-IP', 'Addresses outside the cluster.', externalAddresses),
    column('Port(s)', 'Port, node port and protocol.', portsText),
    ageColumn,
    wideColumn('Selector', 'Labels of the Pods behind it.', (service) => labelsOrNone(service.spec?.selector)),
  ],
})
