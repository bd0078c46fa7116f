#!/usr/bin/env node
/** kube-scheduler: finds a node for every Pod that has none. */
import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'
import { createInformerFactory } from '../client/cache/informer.ts'
import { createEventRecorder } from '../client/events/event-recorder.ts'
import { delegateAccess } from '../client/auth/delegated.ts'
import { toLeaderElectionConfig } from '../client/leader-election/flags.ts'
import { runLeaderElection } from '../client/leader-election/leader-elector.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { realClock } from '../component-base/clock.ts'
import { parseFlags } from '../component-base/flags/flags.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run } from '../component-base/process/run.ts'
import { serveComponent } from '../component-base/serving/serving.ts'
import { tlsSettings } from '../component-base/tls/tls-settings.ts'
import { createSchedulerMetrics, registerPendingPods } from './metrics.ts'
import { flags, loadSchedulerConfig } from './options.ts'
import { Scheduler } from './scheduler.ts'

run('kube-scheduler', async ({ signal, log }) => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name: 'kube-scheduler', version: 'v1.36.0' })
  const config = loadSchedulerConfig(values.config)
  const client = createRestClient(loadKubeconfig(config.kubeconfig || values.kubeconfig), {
    userAgent: 'kube-scheduler/v1.36.0',
    ...(values['kube-api-qps'] > 0 ? { qps: values['kube-api-qps'], burst: values['kube-api-burst'] } : {}),
  })
  const registry = createMetrics('kube-scheduler')
  const metrics = createSchedulerMetrics(registry)
  const health = new HealthChecks()
  if (values['secure-port'] > 0) {
    await serveComponent({
      bindAddress: values['bind-address'],
      port: values['secure-port'],
      tls: {
        certFile: values['tls-cert-file'],
        keyFile: values['tls-private-key-file'],
        clientCaFile: values['client-ca-file'],
      },
      tlsSettings: tlsSettings(values['tls-cipher-suites'], values['tls-min-version']),
      health,
      metrics: registry,
      ...delegateAccess(client),
      log,
      signal,
    })
  }
  const schedule = async (leading: AbortSignal): Promise<void> => {
    const scheduler = new Scheduler({
      client,
      informers: createInformerFactory(client, log),
      recorderOf: (component) => createEventRecorder(client, { component }, { log }),
      extenders: [],
      initialBackoffMs: 1_000,
      maxBackoffMs: 10_000,
      profiles: config.profiles,
      metrics,
      clock: realClock,
      random: Math.random,
      log,
      signal: leading,
    })
    registerPendingPods(registry, () => scheduler.pending())
    await scheduler.run()
  }
  if (!values['leader-elect']) return schedule(signal)
  await runLeaderElection({
    ...toLeaderElectionConfig(values),
    client,
    identity: `${hostname()}_${randomUUID()}`,
    signal,
    log,
    onStartedLeading: schedule,
  })
})
