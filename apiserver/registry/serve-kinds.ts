/** All built-in resources, each with what happens around its writes. */
import { kinds, optionalKinds } from '../../api/kinds.ts'
import type { KindDefinition } from '../../api/kind.ts'
import { realClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Config } from '../config.ts'
import type { FeatureGates } from '../features/feature-gates.ts'
import type { StoreDependencies } from '../storage/resource-store.ts'
import { withoutGatedFields } from './gated-fields.ts'
import { fixedHooks } from './hooks.ts'
import { Resources } from './resources.ts'
import { ClusterIpAllocator } from './services/cluster-ip-allocator.ts'
import { serviceHooks } from './services/hooks.ts'
import type { ServiceMetrics } from './services/metrics.ts'
import { NodePortAllocator } from './services/node-port-allocator.ts'

export type ServedConfig = Pick<
  Config,
  'etcdPrefix' | 'eventTtlSeconds' | 'runtimeConfig' | 'gates' | 'serviceRanges' | 'nodePorts'
>

export interface Served {
  readonly resources: Resources
  readonly ips: ClusterIpAllocator
  readonly ports: NodePortAllocator
}

/** The kinds of alpha and beta versions that `--runtime-config` asks for, and whose gate is on. */
const askedFor = ({ runtimeConfig, gates }: ServedConfig, log: Logger): readonly KindDefinition[] =>
  optionalKinds.filter(runtimeConfig.serves).filter(({ kind, version, featureGate = '' }) => {
    const isOn = gates[featureGate as keyof FeatureGates]
    if (!isOn) log.warn({ kind, version, gate: featureGate }, 'kind is not served because its feature gate is disabled')
    return isOn
  })

export const serveKinds = (
  config: ServedConfig,
  deps: StoreDependencies,
  serviceMetrics: ServiceMetrics,
  log: Logger,
): Served => {
  const resources = new Resources({
    root: config.etcdPrefix,
    eventTtlSeconds: config.eventTtlSeconds,
    serves: config.runtimeConfig.serves,
    deps,
  })
  const special = new Set(['services'])
  for (const kind of kinds) {
    const name = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
    if (!special.has(name)) resources.add(withoutGatedFields(kind, config.gates), fixedHooks[name])
  }
  for (const kind of askedFor(config, log)) resources.add(kind)
  if (config.runtimeConfig.missing.length > 0)
    log.warn({ versions: config.runtimeConfig.missing }, 'versions that --runtime-config asks for are not built')
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
