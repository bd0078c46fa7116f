#!/usr/bin/env node
/** kube-proxy: Services by nftables, routes to the other nodes' Pods, cluster DNS and network policies, in one node's network. */
import { existsSync, readFileSync, watchFile, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { createInformerFactory } from '../client/cache/informer.ts'
import { createEventRecorder } from '../client/events/event-recorder.ts'
import { createRestClient, type RestClient } from '../client/rest/rest-client.ts'
import { parseFlags } from '../component-base/flags/flags.ts'
import { type ClientConfig, inClusterConfig, loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run, UsageError } from '../component-base/process/run.ts'
import type { ProxyConfiguration } from './config/configuration.ts'
import { flags } from './config/flags.ts'
import { defaultConfigurationText, loadConfiguration } from './config/load.ts'
import { startDns } from './dns/start.ts'
import { ipFamilies, type IpFamily } from './family.ts'
import { createProxyMetrics } from './metrics.ts'
import { tableOf } from './nftables/names.ts'
import { applyNft } from './nftables/nft.ts'
import { type PolicyEngineOptions, removePolicyTable, runPolicyEngine } from './policy/engine.ts'
import { removeEgress, syncEgress } from './routes/egress.ts'
import { followRoutes } from './routes/follow-routes.ts'
import { removeRoutes, removeTunnelRules } from './routes/kernel-routes.ts'
import type { TunnelMode } from './routes/node-routes.ts'
import { serveHealth, serveMetrics } from './serving.ts'
import { createServiceProxy } from './services/start.ts'
import { applySystemSettings } from './system-settings.ts'
import { watchServices } from './watch.ts'

const version = 'v1.36.0'
/** The kernel's families; a machine may be without IPv6. */
const families: readonly IpFamily[] = existsSync('/proc/net/if_inet6') ? ipFamilies : ['IPv4']

const tunnelModeOf = (text: string): TunnelMode => {
  if (text === 'auto' || text === 'always' || text === 'never') return text
  throw new UsageError(`--node-tunnel: ${text} is none of auto, always and never`)
}

const cleanUp = async (): Promise<void> => {
  await removePolicyTable()
  await removeRoutes(families)
  await applyNft(
    families.flatMap((family) => [
      `add table ${tableOf(family)}`,
      `delete table ${tableOf(family)}`,
      ...removeEgress(family),
      ...removeTunnelRules(family),
    ]),
  )
}

const createClient = (config: ProxyConfiguration, master: string): RestClient => {
  const path = config.clientConnection.kubeconfig
  const access: ClientConfig = path === '' ? inClusterConfig() : loadKubeconfig(path)
  return createRestClient(master === '' ? access : { ...access, server: master.replace(/\/$/, '') }, {
    userAgent: `kube-proxy/${version}`,
  })
}

/** The settings of a running proxy do not change: it ends when its file does, and whoever started it starts it again. */
const endWhenChanged = (path: string): void => {
  if (path === '') return
  const text = readFileSync(path, 'utf8')
  const watcher = watchFile(path, { interval: 5_000 }, () => {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return
    process.stderr.write("Error: content of the proxy server's configuration file was updated\n")
    process.exit(1)
  })
  watcher.unref()
}

/** NetworkPolicies, with an identity of their own: kube-proxy's may not read Pods. */
const enforcePolicies = async (
  kubeconfig: string,
  options: Omit<PolicyEngineOptions, 'informers'>,
  signal: AbortSignal,
): Promise<void> => {
  if (kubeconfig === '') return removePolicyTable()
  const client = createRestClient(loadKubeconfig(kubeconfig), { userAgent: `kube-network-policies/${version}` })
  const informers = createInformerFactory(client, options.log)
  informers.start(signal)
  await runPolicyEngine({ ...options, informers }, signal)
}

run('kube-proxy', async ({ signal, log }) => {
  const parsed = parseFlags(flags, process.argv.slice(2), { name: 'kube-proxy', version })
  const { values } = parsed
  if (values.cleanup) return cleanUp()
  if (values['write-config-to'] !== '') return writeFileSync(values['write-config-to'], defaultConfigurationText())
  const config = loadConfiguration(parsed)
  const mode = tunnelModeOf(values['node-tunnel'])
  applySystemSettings(config, log)
  if (values['init-only']) return
  endWhenChanged(values.config)

  const nodeName = (config.hostnameOverride || hostname()).toLowerCase().trim()
  const client = createClient(config, values.master)
  const informers = createInformerFactory(client, log)
  const registry = createMetrics('kube-proxy')
  const metrics = createProxyMetrics(registry)
  const recorder = createEventRecorder(client, { component: 'kube-proxy', host: nodeName }, { log })
  const dnsAddresses = values['cluster-dns']
  const proxy = createServiceProxy({
    config,
    nodeName,
    families,
    ownServices: dnsAddresses,
    informers,
    recorder,
    metrics,
    log,
  })
  const dns = startDns({ values, addresses: dnsAddresses, informers, metrics, log })
  watchServices(informers, metrics, (change) => {
    dns?.serviceChanged(change.key)
    proxy.changed(change)
  })
  if (values['node-routes']) followRoutes({ informers, self: nodeName, mode, families }, { signal, log })

  const listening = { hardFail: config.bindAddressHardFail, signal, log }
  await serveHealth(proxy.health, metrics, { address: config.healthzBindAddress, ...listening })
  await serveMetrics(registry, config, { address: config.metricsBindAddress, ...listening })
  await syncEgress(families, {
    isOn: values['masquerade-egress'],
    clusterCIDRs: config.clusterCIDR.split(','),
    except: values['non-masquerade-cidrs'],
  })
  const policies = enforcePolicies(
    values['policy-kubeconfig'],
    { nodeName, clusterDns: dnsAddresses, cniCache: values['cni-cache-dir'], metrics, log },
    signal,
  )
  informers.start(signal)
  await informers.whenSynced(signal)
  // DNS answers when it knows all names; rules do not wait for it.
  await Promise.all([policies, dns?.run(signal), proxy.run(signal)])
})
