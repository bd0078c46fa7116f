#!/usr/bin/env node
/** etcd-lite: etcd's command line and API on one LevelDB. */
import { createLogger, type Logger, openLogOutputs } from '../component-base/logging/logger.ts'
import type { Listener } from '../component-base/grpc/listener.ts'
import { run, UsageError } from '../component-base/process/run.ts'
import { DataDirLockedError } from './backend/leveldb.ts'
import { clientEndpoints, metricsEndpoints, onlyGrpc } from './http/endpoints.ts'
import { startListeners } from './listeners.ts'
import { createEtcdMetrics } from './metrics/metrics.ts'
import { type EtcdConfig, parseOptions } from './options.ts'
import { type EtcdServer, type EtcdServerDeps, openEtcdServer } from './server.ts'

/** How long calls in progress may go on after a signal; watches never end by themselves. */
const graceMs = 500

const openLog = ({ log, warnings }: EtcdConfig): Logger => {
  const outputs = log.outputs.map((output) => (output === 'default' ? 'stderr' : output))
  try {
    const logger = createLogger('etcd', 0, openLogOutputs([...new Set(outputs)]))
    logger.level = log.level
    for (const { message, fields } of warnings) logger.warn(fields, message)
    return logger
  } catch (err) {
    throw new UsageError(`--log-outputs: ${err instanceof Error ? err.message : String(err)}`, { exitCode: 1 })
  }
}

const open = async (deps: EtcdServerDeps): Promise<EtcdServer> => {
  try {
    return await openEtcdServer(deps)
  } catch (err) {
    if (err instanceof DataDirLockedError) throw new UsageError(err.message, { exitCode: 1 })
    throw err
  }
}

/** A store that nobody can reach is closed again. */
const startOrClose = async (server: EtcdServer, starting: Promise<Listener[]>): Promise<Listener[]> => {
  try {
    return await starting
  } catch (err) {
    await server[Symbol.asyncDispose]()
    throw err
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

run('etcd', async ({ signal }) => {
  process.umask(0o077) // LevelDB leaves the mode of its files to it
  const config = parseOptions(process.argv.slice(2), process.env)
  const log = openLog(config)
  const metrics = createEtcdMetrics(config.metrics)
  const failed = Promise.withResolvers<never>()
  const startedMs = performance.now()
  // HTTP/2 streams that are not gRPC come by the gRPC server, whose connections begin when everything is there.
  let http2 = onlyGrpc.http2
  const server = await open({
    config,
    log,
    metrics,
    onHttpStream: (stream, headers) => http2(stream, headers),
    onFailed: failed.reject,
  })
  const common = {
    health: server.health,
    healthCounts: metrics.health,
    metrics: () => metrics.scrape(),
    onError: (err: unknown) => log.error({ err }, 'HTTP request failed'),
  }
  const client = clientEndpoints({
    ...common,
    access: config.http,
    gateway: config.http.gateway ? server.gateway : undefined,
    refusesCertificates: () => config.clientCertAuth && server.authEnabled(),
  })
  if (config.client.httpAddresses.length === 0) http2 = client.http2
  const served = { grpc: server.grpc, client, metrics: metricsEndpoints(common) }
  const listeners = await startOrClose(server, startListeners(config, served, signal))
  log.info(
    {
      clientUrls: [...config.client.addresses, ...config.client.httpAddresses].map(({ text }) => text),
      ports: listeners.map(({ port }) => port),
      revision: server.store.revision,
      keys: server.store.keyCount,
      durationMs: Math.round(performance.now() - startedMs),
    },
    'ready to serve client requests',
  )
  await Promise.race([aborted(signal), failed.promise])
  await Promise.all(listeners.map((listener) => listener.close(graceMs)))
  await server[Symbol.asyncDispose]()
})
