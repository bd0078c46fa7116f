#!/usr/bin/env node
/** kube-controller-manager: all controllers of the cluster in one process, one of which leads. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { delegateAccess } from '../client/auth/delegated.ts'
import { toLeaderElectionConfig } from '../client/leader-election/flags.ts'
import { runLeaderElection } from '../client/leader-election/leader-elector.ts'
import { inClusterConfig, loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { parseFlags } from '../component-base/flags/flags.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run } from '../component-base/process/run.ts'
import { serveComponent } from '../component-base/serving/serving.ts'
import { tlsSettings } from '../component-base/tls/tls-settings.ts'
import { selectControllers } from './controllers.ts'
import { controllerGates } from './features.ts'
import { runControllers } from './manager.ts'
import { createManagerMetrics } from './metrics.ts'
import { flags } from './options.ts'

run('kube-controller-manager', async ({ signal, log }) => {
  const { values: config } = parseFlags(flags, process.argv.slice(2), {
    name: 'kube-controller-manager',
    version: 'v1.36.0',
  })
  const { gates, ignored } = controllerGates(config)
  if (ignored.length > 0) log.warn({ gates: ignored }, 'these feature gates have no effect here')
  const selected = selectControllers(config.controllers).filter(
    ({ featureGate }) => featureGate === undefined || gates[featureGate],
  )
  const loaded = config.kubeconfig === '' ? inClusterConfig() : loadKubeconfig(config.kubeconfig)
  const clientConfig = config.master === '' ? loaded : { ...loaded, server: config.master }
  const limits = config['kube-api-qps'] > 0 ? { qps: config['kube-api-qps'], burst: config['kube-api-burst'] } : {}
  const client = createRestClient(clientConfig, { userAgent: 'kube-controller-manager/v1.36.0', ...limits })
  const registry = createMetrics('kube-controller-manager')
  const metrics = createManagerMetrics(registry)
  if (config['secure-port'] > 0) {
    await serveComponent({
      bindAddress: config['bind-address'],
      port: config['secure-port'],
      tls: {
        certFile: config['tls-cert-file'],
        keyFile: config['tls-private-key-file'],
        clientCaFile: config['client-ca-file'],
      },
      tlsSettings: tlsSettings(config['tls-cipher-suites'], config['tls-min-version']),
      health: new HealthChecks(),
      metrics: registry,
      ...delegateAccess(client),
      log,
      signal,
    })
  }
  const lead = (leading: AbortSignal): Promise<void> =>
    runControllers(selected, { client, clientConfig, config, log, metrics, signal: leading })
  if (!config['leader-elect']) return lead(signal)
  const lease = config['leader-elect-resource-name']
  metrics.setLeader(lease, false)
  await runLeaderElection({
    ...toLeaderElectionConfig(config),
    client,
    identity: `${hostname()}_${randomUUID()}`,
    signal,
    log,
    onStartedLeading: (leading) => {
      metrics.setLeader(lease, true)
      return lead(leading)
    },
  })
})
