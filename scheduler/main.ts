#!/usr/bin/env node
/** kube-scheduler: finds a node for every Pod that has none. */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { dump } from 'js-yaml'
import { createInformerFactory } from '../client/cache/informer.ts'
import { createEventRecorder } from '../client/events/event-recorder.ts'
import { delegateAccess } from '../client/auth/delegated.ts'
import { runLeaderElection } from '../client/leader-election/leader-elector.ts'
import { parseDuration } from '../component-base/flags/duration.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { realClock } from '../component-base/clock.ts'
import { parseFlags } from '../component-base/flags/flags.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run, UsageError } from '../component-base/process/run.ts'
import { serveComponent } from '../component-base/serving/serving.ts'
import { tlsSettings } from '../component-base/tls/tls-settings.ts'
import { loadConfiguration } from './config/load.ts'
import type { KubeSchedulerConfiguration } from './config/types.ts'
import { answerExplanation } from './explanation/serve.ts'
import { createSchedulerMetrics, registerSchedulerState } from './metrics.ts'
import { applyFlags, flags } from './options.ts'
import { Scheduler, type SchedulerOptions } from './scheduler.ts'

/** A profile that cannot be made is a mistake in the configuration. */
const createScheduler = (options: SchedulerOptions): Scheduler => {
  try {
    return new Scheduler(options)
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

const answerConfigz =
  (configuration: KubeSchedulerConfiguration) =>
  (request: IncomingMessage, response: ServerResponse): boolean => {
    if (request.url !== '/configz') return false
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ 'kubescheduler.config.k8s.io': configuration }))
    return true
  }

run('kube-scheduler', async ({ signal, log }) => {
  const parsed = parseFlags(flags, process.argv.slice(2), { name: 'kube-scheduler', version: 'v1.36.0' })
  const { values } = parsed
  const { configuration, profiles } = await loadConfiguration({
    file: values.config,
    adjust: (configured) => applyFlags(configured, parsed),
  })
  if (values['write-config-to'] !== '') return writeFileSync(values['write-config-to'], dump(configuration))
  const { clientConnection, leaderElection } = configuration
  const client = createRestClient(loadKubeconfig(clientConnection.kubeconfig), {
    userAgent: 'kube-scheduler/v1.36.0',
    ...(clientConnection.qps > 0 ? { qps: clientConnection.qps, burst: clientConnection.burst } : {}),
  })
  const registry = createMetrics('kube-scheduler')
  const health = new HealthChecks()
  const scheduler = createScheduler({
    client,
    informers: createInformerFactory(client, log),
    recorderOf: (component) => createEventRecorder(client, { component }, { log }),
    profiles,
    extenders: configuration.extenders,
    initialBackoffMs: configuration.podInitialBackoffSeconds * 1000,
    maxBackoffMs: configuration.podMaxBackoffSeconds * 1000,
    metrics: createSchedulerMetrics(registry),
    clock: realClock,
    random: Math.random,
    log,
    signal,
  })
  registerSchedulerState(registry, scheduler.state)
  const answerConfig = answerConfigz(configuration)
  const answerWhy = answerExplanation((namespace, name) => scheduler.explain(namespace, name))
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
      extra: (request, response) => answerConfig(request, response) || answerWhy(request, response),
      log,
      signal,
    })
  }
  if (!leaderElection.leaderElect) return scheduler.run(signal)
  const ms = (text: string): number => parseDuration(text) ?? 0
  await runLeaderElection({
    name: leaderElection.resourceName,
    namespace: leaderElection.resourceNamespace,
    leaseDurationMs: ms(leaderElection.leaseDuration),
    renewDeadlineMs: ms(leaderElection.renewDeadline),
    retryPeriodMs: ms(leaderElection.retryPeriod),
    client,
    identity: `${hostname()}_${randomUUID()}`,
    signal,
    log,
    onStartedLeading: (leading) => scheduler.run(leading),
  })
})
