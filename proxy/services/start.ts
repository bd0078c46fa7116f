/** Services on one node: a proxier for each IP family, kept by the informers, and what they know of their node. */
import { networkInterfaces } from 'node:os'
import type { InformerFactory } from '../../client/cache/informer.ts'
import type { EventRecorder } from '../../client/events/event-recorder.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ProxyConfiguration } from '../config/configuration.ts'
import { type IpFamily, ofFamily } from '../family.ts'
import { HealthCheckPorts } from '../health/health-check-ports.ts'
import { ProxyHealth } from '../health/proxy-health.ts'
import type { ProxyMetrics } from '../metrics.ts'
import type { TableOptions } from '../nftables/base-table.ts'
import { localTrafficOf, nodeIPOf, nodePortAddressesOf } from '../node-settings.ts'
import {
  endpointSlicesRef,
  rangesOf,
  type ServiceChange,
  serviceCIDRsRef,
  serviceKeyOf,
  servicesRef,
  watchNodes,
} from '../watch.ts'
import { Proxier } from './proxier.ts'

export interface ServiceProxyOptions {
  readonly config: ProxyConfiguration
  readonly nodeName: string
  readonly families: readonly IpFamily[]
  /** Cluster IPs that this node answers itself. */
  readonly ownServices: readonly string[]
  readonly informers: InformerFactory
  readonly recorder: EventRecorder
  readonly metrics: ProxyMetrics
  readonly log: Logger
}

export interface ServiceProxy {
  readonly health: ProxyHealth
  readonly changed: (change: ServiceChange) => void
  /** Writes rules until the signal is aborted; the informers must have synced. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

export const createServiceProxy = (options: ServiceProxyOptions): ServiceProxy => {
  const { config, nodeName, families, informers, recorder, metrics, log } = options
  const services = informers.for(servicesRef)
  const slices = informers.for(endpointSlicesRef, { indexers: { service: (slice) => [serviceKeyOf(slice)] } })
  const ranges = informers.for(serviceCIDRsRef)
  const nodes = watchNodes(informers, (node) => node.metadata?.name === nodeName && ownNodeChanged())
  const ownNode = () => nodes.lister.get(nodeName)
  const periods = {
    minMs: parseDuration(config.nftables.minSyncPeriod) ?? 0,
    maxMs: parseDuration(config.nftables.syncPeriod) ?? 0,
  }
  const health = new ProxyHealth(2 * periods.maxMs, () => Date.now())

  const tableOptions = (family: IpFamily): TableOptions => ({
    family,
    localTraffic: localTrafficOf(config, family, ownNode()),
    masqueradeAll: config.nftables.masqueradeAll,
    masqueradeBit: config.nftables.masqueradeBit,
    nodePortAddresses: nodePortAddressesOf(config, family, { node: ownNode(), interfaces: networkInterfaces() }),
    nodeIP: nodeIPOf(ownNode(), family),
    serviceCIDRs: ofFamily(family, rangesOf(ranges.lister.list())),
    localServices: ofFamily(family, options.ownServices),
  })

  const healthChecksOf = (family: IpFamily): HealthCheckPorts =>
    new HealthCheckPorts({
      addresses: () => tableOptions(family).nodePortAddresses ?? [family === 'IPv4' ? '0.0.0.0' : '::'],
      isProxyHealthy: () => health.state().isHealthy,
      failed: (key, port, error) => {
        const service = services.lister.get(key)
        const message = `node ${nodeName} failed to start healthcheck "${key}" on port ${port}: ${error.message}`
        if (service !== undefined) recorder.event(service, 'Warning', 'FailedToStartServiceHealthcheck', message)
        log.error({ err: error, service: key, port }, 'health-check port not opened')
      },
      log,
    })

  const proxiers = families.map(
    (family) =>
      new Proxier({
        family,
        periods,
        place: () => ({ nodeName, zone: ownNode()?.metadata?.labels?.['topology.kubernetes.io/zone'] ?? '' }),
        tableOptions: () => tableOptions(family),
        localAddresses: new Set(options.ownServices),
        getService: (key) => services.lister.get(key),
        slicesOf: (key) => slices.lister.byIndex('service', key),
        allServices: () => services.lister.list(),
        health,
        healthChecks: healthChecksOf(family),
        metrics,
        log,
      }),
  )

  const resync = (): void => {
    for (const proxier of proxiers) proxier.requestFullSync()
  }
  /** Labels and addresses of this node: they change seldom, and all rules may depend on them. */
  let nodeView = ''
  function ownNodeChanged(): void {
    const node = ownNode()
    health.setNode(node)
    const view = JSON.stringify([node?.metadata?.labels, node?.spec?.podCIDRs, node?.status?.addresses])
    if (view !== nodeView) resync()
    nodeView = view
  }
  ranges.addHandler({ onAdd: resync, onUpdate: resync, onDelete: resync })

  return {
    health,
    changed: (change) => {
      for (const proxier of proxiers) proxier.enqueue(change)
    },
    run: async (signal) => {
      await Promise.all(proxiers.map((proxier) => proxier.run(signal)))
    },
  }
}
