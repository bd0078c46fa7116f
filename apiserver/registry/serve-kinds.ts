/** All built-in resources, each with what happens around its writes. */
import { kinds } from '../../api/kinds.ts'
import { realClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Config } from '../config.ts'
import type { StoreDependencies } from '../storage/resource-store.ts'
import { fixedHooks } from './hooks.ts'
import { Resources } from './resources.ts'
import { ClusterIpAllocator } from './services/cluster-ip-allocator.ts'
import { serviceHooks } from './services/hooks.ts'
import type { ServiceMetrics } from './services/metrics.ts'
import { NodePortAllocator } from './services/node-port-allocator.ts'

export type ServedConfig = Pick<Config, 'etcdPrefix' | 'eventTtlSeconds' | 'serves' | 'serviceRanges' | 'nodePorts'>

export interface Served {
  readonly resources: Resources
  readonly ips: ClusterIpAllocator
  readonly ports: NodePortAllocator
}

export const serveKinds = (
  config: ServedConfig,
  deps: StoreDependencies,
  serviceMetrics: ServiceMetrics,
  log: Logger,
): Served => {
  const resources = new Resources({
    root: config.etcdPrefix,
    eventTtlSeconds: config.eventTtlSeconds,
    serves: config.serves,
    deps,
  })
  const special = new Set(['services'])
  for (const kind of kinds) {
    const name = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
    if (!special.has(name)) resources.add(kind, fixedHooks[name])
  }
  const networking = (resource: string) => resources.get({ group: 'networking.k8s.io', version: 'v1', resource })
  const ips = new ClusterIpAllocator({
    flagRanges: config.serviceRanges,
    addresses: networking('ipaddresses'),
    serviceCidrs: networking('servicecidrs'),
    clock: realClock,
    metrics: serviceMetrics,
  })
  const ports = new NodePortAllocator(config.nodePorts, deps.store, config.etcdPrefix, serviceMetrics)
  const endpoints = resources.get({ group: '', version: 'v1', resource: 'endpoints' })
  for (const kind of kinds) {
    if (kind.group === '' && kind.plural === 'services')
      resources.add(kind, serviceHooks({ ips, ports, log }, endpoints))
  }
  return { resources, ips, ports }
}
