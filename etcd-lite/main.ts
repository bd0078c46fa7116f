#!/usr/bin/env node
/** etcd-lite: etcd's command line and API on one LevelDB. */
import { createGrpcServer } from '../component-base/grpc/server.ts'
import { type Listener, listen } from '../component-base/grpc/listener.ts'
import { run, UsageError } from '../component-base/process/run.ts'
import { readTlsFiles, watchTlsFiles } from '../component-base/tls/tls-files.ts'
import { DataDirLockedError } from './backend/leveldb.ts'
import { clientEndpoints, type HttpEndpoints, metricsEndpoints } from './http/endpoints.ts'
import { newHealthCounts } from './http/health.ts'
import { createEtcdMetrics } from './metrics.ts'
import { type EtcdConfig, parseOptions } from './options.ts'
import { type EtcdServer, type EtcdServerDeps, openEtcdServer } from './server.ts'

/** How long calls in progress may go on after a signal; watches never end by themselves. */
const graceMs = 500

const open = async (deps: EtcdServerDeps): Promise<EtcdServer> => {
  try {
    return await openEtcdServer(deps)
  } catch (err) {
    if (err instanceof DataDirLockedError) throw new UsageError(err.message)
    throw err
  }
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')

const startListeners = async (
  config: EtcdConfig,
  { grpc, client, metrics }: { grpc: EtcdServer['grpc']; client: HttpEndpoints; metrics: HttpEndpoints },
  signal: AbortSignal,
): Promise<Listener[]> => {
  const tls = config.tls === undefined ? undefined : readTlsFiles(config.tls)
  const noGrpc = createGrpcServer({ implementations: [], onHttpStream: metrics.http2 })
  const start = (url: URL, http2: EtcdServer['grpc']): Promise<Listener> =>
    listen({
      host: hostOf(url),
      port: Number(url.port || (http2 === grpc ? 2379 : 2381)),
      tls: url.protocol === 'https:' ? tls : undefined,
      http2,
      http1: http2 === grpc ? client.http1 : metrics.http1,
    })
  const listeners = await Promise.all([
    ...config.clientUrls.map((url) => start(url, grpc)),
    ...config.metricsUrls.map((url) => start(url, noGrpc)),
  ])
  if (config.tls !== undefined) {
    watchTlsFiles(config.tls, (material) => listeners.forEach((listener) => listener.setTls(material)), signal)
  }
  return listeners
}

run('etcd', async ({ signal, log }) => {
  process.umask(0o077) // LevelDB leaves the mode of its files to it
  const config = parseOptions(process.argv.slice(2))
  log.level = config.logLevel
  let server: EtcdServer | undefined
  const opened = (): EtcdServer => {
    if (server === undefined) throw new Error('the store is not open yet')
    return server
  }
  const metrics = createEtcdMetrics({ store: () => opened().store, backend: () => opened().backend })
  const failed = Promise.withResolvers<never>()
  const startedMs = performance.now()
  const common = {
    health: { alarms: () => opened().health.alarms(), read: () => opened().health.read() },
    healthCounts: newHealthCounts(),
    metrics: async () => ({ contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }),
    onError: (err: unknown) => log.error({ err }, 'HTTP request failed'),
  }
  const client = clientEndpoints({
    ...common,
    access: { cors: [], hostWhitelist: [] },
    gateway: (exchange, path) => opened().gateway(exchange, path),
  })
  server = await open({ config, log, metrics, onHttpStream: client.http2, onFailed: failed.reject })
  const endpoints = { grpc: server.grpc, client, metrics: metricsEndpoints(common) }
  const listeners = await startListeners(config, endpoints, signal)
  log.info(
    {
      clientUrls: config.clientUrls.map(({ origin }) => origin),
      ports: listeners.map(({ port }) => port),
      revision: server.store.revision,
      keys: server.store.keyCount,
      durationMs: Math.round(performance.now() - startedMs),
    },
    'ready to serve client requests',
  )
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([stopped, failed.promise])
  await Promise.all(listeners.map((listener) => listener.close(graceMs)))
  await server[Symbol.asyncDispose]()
})
