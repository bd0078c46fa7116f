#!/usr/bin/env node
/** kube-proxy: Services by nftables, routes to the other nodes' Pods, cluster DNS and network policies, in one node's network. */
import { hostname } from 'node:os'
import {
  endpointSlices as endpointSlicesRef,
  namespaces as namespacesRef,
  nodes as nodesRef,
  services as servicesRef,
} from '../api/resources.ts'
import type { EndpointSlice } from '../api/types.ts'
import { createInformerFactory, type InformerFactory } from '../client/cache/informer.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { sleep } from '../component-base/clock.ts'
import { parseFlags } from '../component-base/flags/flags.ts'
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run } from '../component-base/process/run.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { ensureDnsAddress } from './dns/address.ts'
import { createForwarder, nameservers } from './dns/forwarder.ts'
import { serveDns } from './dns/server.ts'
import { Zone } from './dns/zone.ts'
import { createProxyMetrics } from './metrics.ts'
import { applyNft } from './nftables/nft.ts'
import { tableName } from './nftables/ruleset.ts'
import { flags, loadProxyConfiguration } from './options.ts'
import { type PolicyEngineOptions, removePolicyTable, runPolicyEngine } from './policy/engine.ts'
import { syncRoutes } from './routes/node-routes.ts'
import { Proxier } from './services/proxier.ts'
import { serveHealth, serveMetrics } from './serving.ts'

const serviceLabel = 'kubernetes.io/service-name'

/** `namespace/name` of the Service that a slice belongs to. */
const serviceKeyOf = (slice: EndpointSlice): string =>
  `${slice.metadata?.namespace}/${slice.metadata?.labels?.[serviceLabel] ?? ''}`

/** Calls `changed` with the key of every Service that changes, itself or by its endpoints. */
const watchServices = (informers: InformerFactory, changed: (key: string) => void): void => {
  const onService = (service: { metadata?: { namespace?: string; name?: string } }): void =>
    changed(`${service.metadata?.namespace}/${service.metadata?.name}`)
  const onSlice = (slice: EndpointSlice): void => changed(serviceKeyOf(slice))
  informers
    .for(servicesRef)
    .addHandler({ onAdd: onService, onUpdate: (_, next) => onService(next), onDelete: onService })
  informers
    .for(endpointSlicesRef)
    .addHandler({ onAdd: onSlice, onUpdate: (_, next) => onSlice(next), onDelete: onSlice })
}

/** NetworkPolicies, with an identity of their own: kube-proxy's may not read Pods. */
const enforcePolicies = async (
  kubeconfig: string,
  options: Omit<PolicyEngineOptions, 'informers'>,
  signal: AbortSignal,
): Promise<void> => {
  if (kubeconfig === '') return removePolicyTable()
  const client = createRestClient(loadKubeconfig(kubeconfig), { userAgent: 'kube-network-policies/v1.36.0' })
  const informers = createInformerFactory(client, options.log)
  informers.start(signal)
  await runPolicyEngine({ ...options, informers }, signal)
}

/** Node routes, synced one at a time; a failure is tried again. */
const followRoutes = (
  informers: InformerFactory,
  self: string,
  context: { signal: AbortSignal; log: Logger },
): void => {
  const { signal, log } = context
  const nodes = informers.for(nodesRef)
  let dirty = false
  let working = false
  const work = async (): Promise<void> => {
    if (working) return
    working = true
    while (dirty && !signal.aborted) {
      dirty = false
      try {
        await syncRoutes(nodes.lister.list(), self, log)
      } catch (error) {
        log.warn({ err: error }, 'routes not written; trying again')
        dirty = true
        await sleep(1_000, signal).catch(() => undefined)
      }
    }
    working = false
  }
  const changed = (): void => {
    if (!nodes.hasSynced()) return
    dirty = true
    void work()
  }
  nodes.addHandler({
    onAdd: changed,
    onUpdate: (old, node) => {
      const view = (n: typeof node): string => JSON.stringify([n.spec?.podCIDRs, n.status?.addresses])
      if (view(old) !== view(node)) changed()
    },
    onDelete: changed,
  })
  nodes.whenSynced(signal).then(changed, () => undefined)
}

run('kube-proxy', async ({ signal, log }) => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name: 'kube-proxy', version: 'v1.36.0' })
  if (values.cleanup) {
    await removePolicyTable()
    return applyNft([`add table ${tableName}`, `delete table ${tableName}`])
  }
  const file = loadProxyConfiguration(values.config)
  const mode = file.mode ?? values['proxy-mode']
  if (mode !== 'nftables' && mode !== '') throw new Error(`proxy mode ${mode} is not supported: kubets has nftables`)
  const nodeName = file.hostnameOverride ?? (values['hostname-override'] || hostname().toLowerCase())
  const dnsAddress = values['cluster-dns']
  const client = createRestClient(loadKubeconfig(file.clientConnection?.kubeconfig ?? values.kubeconfig), {
    userAgent: 'kube-proxy/v1.36.0',
  })
  const informers = createInformerFactory(client, log)
  const registry = createMetrics('kube-proxy')
  const metrics = createProxyMetrics(registry)
  const services = informers.for(servicesRef)
  const slices = informers.for(endpointSlicesRef, { indexers: { service: (slice) => [serviceKeyOf(slice)] } })
  // Namespaces are for cluster DNS alone, which has an identity of its own.
  const dnsKubeconfig = values['dns-kubeconfig']
  const dnsInformers =
    dnsKubeconfig === ''
      ? informers
      : createInformerFactory(createRestClient(loadKubeconfig(dnsKubeconfig), { userAgent: 'coredns/v1.36.0' }), log)
  const namespaces = dnsInformers.for(namespacesRef)

  const proxier = new Proxier({
    nodeName,
    clusterCIDR: file.clusterCIDR ?? values['cluster-cidr'],
    localAddresses: new Set(dnsAddress === '' ? [] : [dnsAddress]),
    getService: (key) => services.lister.get(key),
    slicesOf: (key) => slices.lister.byIndex('service', key),
    allServices: () => services.lister.list(),
    metrics,
    log,
  })
  const zone = new Zone(values['cluster-domain'], (name) => namespaces.lister.get(name) !== undefined)
  watchServices(informers, (key) => {
    const service = services.lister.get(key)
    if (service === undefined) zone.delete(key)
    else zone.set(key, service, slices.lister.byIndex('service', key))
    proxier.enqueue(key)
  })
  if (values['node-routes']) followRoutes(informers, nodeName, { signal, log })

  await serveHealth(file.healthzBindAddress ?? values['healthz-bind-address'], { proxier, signal })
  await serveMetrics(file.metricsBindAddress ?? values['metrics-bind-address'], { registry, signal })

  const policies = enforcePolicies(
    values['policy-kubeconfig'],
    {
      nodeName,
      clusterDns: dnsAddress === '' ? [] : dnsAddress.split(','),
      cniCache: values['cni-cache-dir'],
      metrics,
      log,
    },
    signal,
  )

  informers.start(signal)
  dnsInformers.start(signal)
  if (dnsAddress !== '') {
    await ensureDnsAddress(dnsAddress)
    const forward = createForwarder(nameservers(values['resolv-conf'], new Set([dnsAddress])))
    await Promise.all([services.whenSynced(signal), slices.whenSynced(signal), namespaces.whenSynced(signal)])
    await serveDns({ address: dnsAddress, port: 53, zone, forward, metrics, log }, signal)
  }
  await Promise.all([informers.whenSynced(signal), dnsInformers.whenSynced(signal)])
  await Promise.all([proxier.run(signal), policies])
})
