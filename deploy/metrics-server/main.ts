#!/usr/bin/env node
/**
 * metrics-server: resource use of nodes and Pods as metrics.k8s.io, for `kubectl top` and the autoscaler. An extension
 * API server: the aggregator leads to it. Upstream: kubernetes-sigs/metrics-server, with its flags.
 */
import { createReviews } from '../../client/auth/delegated.ts'
import { createRestClient } from '../../client/rest/rest-client.ts'
import { realClock } from '../../component-base/clock.ts'
import { defineFlags, parseFlags } from '../../component-base/flags/flags.ts'
import { inClusterConfig, loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { run } from '../../component-base/process/run.ts'
import { tlsFlags, tlsSettings } from '../../component-base/tls/tls-settings.ts'
import { createMetricsApi } from './api.ts'
import { followFrontProxy } from './front-proxy.ts'
import { createKubeletClient } from './kubelet-client.ts'
import { createScraper } from './scraper.ts'
import { serve } from './serve.ts'

const flags = defineFlags({
  kubeconfig: { type: 'string', default: '', help: 'Path to the kubeconfig; default: the Pod’s service account.' },
  'bind-address': { type: 'string', default: '0.0.0.0', help: 'Address of the secure port.' },
  'secure-port': { type: 'int', default: 10250, help: 'Port of the API.' },
  'tls-cert-file': { type: 'string', default: '', help: 'Serving certificate.' },
  'tls-private-key-file': { type: 'string', default: '', help: 'Key of --tls-cert-file.' },
  ...tlsFlags,
  'metric-resolution': { type: 'duration', default: 15_000, help: 'How long what a kubelet told is good for.' },
})

const name = 'metrics-server'

run(name, async ({ signal, log }) => {
  const { values: config } = parseFlags(flags, process.argv.slice(2), { name, version: 'v1.36.0' })
  const clientConfig = config.kubeconfig === '' ? inClusterConfig() : loadKubeconfig(config.kubeconfig)
  const client = createRestClient(clientConfig, { userAgent: `${name}/v1.36.0` })
  const kubelets = createKubeletClient(clientConfig)
  const scraper = createScraper({
    client,
    readKubelet: kubelets.read,
    resolutionMs: config['metric-resolution'],
    clock: realClock,
    log,
    signal,
  })
  await serve({
    bindAddress: config['bind-address'],
    port: config['secure-port'],
    tls: { certFile: config['tls-cert-file'], keyFile: config['tls-private-key-file'], clientCaFile: '' },
    tlsSettings: tlsSettings(config['tls-cipher-suites'], config['tls-min-version']),
    frontProxy: await followFrontProxy(client, { log, signal }),
    reviews: createReviews(client),
    api: createMetricsApi({ client, scraper, clock: realClock }),
    log,
    signal,
  })
  log.debug({ port: config['secure-port'] }, 'serving')
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await kubelets[Symbol.asyncDispose]()
  await client.close()
})
