/** Cluster DNS within the proxy's process: it answers at the DNS Service's addresses, which every node has itself. */
import { namespaces as namespacesRef } from '../../api/resources.ts'
import { createInformerFactory, type InformerFactory } from '../../client/cache/informer.ts'
import { createRestClient } from '../../client/rest/rest-client.ts'
import type { FlagValues } from '../../component-base/flags/flags.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { flags } from '../config/flags.ts'
import type { ProxyMetrics } from '../metrics.ts'
import { endpointSlicesRef, servicesRef } from '../watch.ts'
import { ensureDnsAddress } from './address.ts'
import { createForwarder, followNameservers, parseResolver, type Resolver } from './forwarder.ts'
import { serveDns } from './server.ts'
import { Zone } from './zone.ts'

export interface DnsOptions {
  readonly values: FlagValues<typeof flags>
  readonly addresses: readonly string[]
  /** With the index `service` of EndpointSlices. */
  readonly informers: InformerFactory
  readonly metrics: ProxyMetrics
  readonly log: Logger
}

export interface ClusterDns {
  /** The records of a Service are made anew. */
  readonly serviceChanged: (key: string) => void
  /** Serves until the signal is aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Reads `corp.example=10.0.0.53+10.0.1.53,…`; throws UsageError. */
const stubDomains = (flag: Readonly<Record<string, string>>): Map<string, readonly Resolver[]> =>
  new Map(
    Object.entries(flag).map(([domain, texts]) => {
      const servers = texts.split('+').map((text) => {
        const server = parseResolver(text)
        if (server === undefined) throw new UsageError(`--stub-domains: ${text} is no resolver's address`)
        return server
      })
      return [domain.toLowerCase().replace(/^\.|\.$/g, ''), servers]
    }),
  )

/** Undefined: this node has no cluster DNS. */
export const startDns = ({ values, addresses, informers, metrics, log }: DnsOptions): ClusterDns | undefined => {
  if (addresses.length === 0) return undefined
  const kubeconfig = values['dns-kubeconfig']
  // Namespaces are for cluster DNS alone, which has an identity of its own.
  const own =
    kubeconfig === ''
      ? informers
      : createInformerFactory(createRestClient(loadKubeconfig(kubeconfig), { userAgent: 'coredns/v1.36.0' }), log)
  const namespaces = own.for(namespacesRef)
  const services = informers.for(servicesRef)
  const slices = informers.for(endpointSlicesRef)
  const stubs = stubDomains(values['stub-domains'])
  const zone = new Zone(values['cluster-domain'], (name) => namespaces.lister.get(name) !== undefined)
  return {
    serviceChanged: (key) => {
      const service = services.lister.get(key)
      if (service === undefined) zone.delete(key)
      else zone.set(key, service, slices.lister.byIndex('service', key))
    },
    run: async (signal) => {
      own.start(signal)
      await namespaces.whenSynced(signal)
      const forward = createForwarder({
        servers: followNameservers(values['resolv-conf'], new Set(addresses)),
        stubs,
        now: () => performance.now(),
        looked: (result) => {
          if (result === 'miss') metrics.dnsCacheMisses.inc()
          else metrics.dnsCacheHits.labels(result).inc()
        },
      })
      for (const address of addresses) {
        await ensureDnsAddress(address)
        await serveDns({ address, port: 53, zone, forward, metrics, log }, signal)
      }
    },
  }
}
