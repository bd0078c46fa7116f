/** Puts the parts of an API server together: store, caches, resources, chain, HTTPS. */
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { Registry } from 'prom-client'
import { kinds } from '../api/kinds.ts'
import { realClock } from '../component-base/clock.ts'
import { EtcdClient } from '../component-base/etcd/client.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { createAdmissionChain } from './admission/chain.ts'
import { unionAuthenticator } from './authentication/authenticator.ts'
import { createCertificateCheck, parseBundle, x509 } from './authentication/x509.ts'
import { alwaysAllow, privilegedGroups, unionAuthorizer } from './authorization/authorizer.ts'
import { systemMasters } from './authentication/user.ts'
import type { Config } from './config.ts'
import { Discovery } from './discovery/handler.ts'
import { createRouter } from './endpoints/router.ts'
import { WatchRegistry } from './endpoints/watch-registry.ts'
import { createApiServerMetrics } from './metrics.ts'
import { createOpenApiHandler } from './openapi/handler.ts'
import { Resources } from './registry/resources.ts'
import { buildChain, compose } from './server/chain.ts'
import type { HttpRequestContext } from './server/http-context.ts'
import { createPathHandler } from './server/paths.ts'
import { createServer } from './server/server.ts'
import { createRevisionReader } from './storage/consistent-read.ts'
import { createEtcdKeyValue } from './storage/etcd.ts'
import { createLeasePool } from './storage/lease-pool.ts'
import { EventHub } from './storage/watch-cache/event-hub.ts'

export const startApiServer = async (
  config: Config,
  registry: Registry,
  log: Logger,
  signal: AbortSignal,
): Promise<void> => {
  const metrics = createApiServerMetrics(registry)
  const pem = (file: string): string | undefined => (file === '' ? undefined : readFileSync(file, 'utf8'))
  const client = new EtcdClient({
    endpoints: config.etcd.servers,
    tls: () => ({ ca: pem(config.etcd.caFile), cert: pem(config.etcd.certFile), key: pem(config.etcd.keyFile) }),
  })
  const store = createEtcdKeyValue(client, config.etcdPrefix, metrics.etcdRequest)
  const hub = new EventHub(store, config.etcdPrefix, log)
  await hub.start(signal)
  const resources = new Resources({
    root: config.etcdPrefix,
    eventTtlSeconds: config.eventTtlSeconds,
    deps: {
      store,
      hub,
      leases: createLeasePool((seconds) => store.grantLease(seconds), realClock),
      currentRevision: createRevisionReader(() => store.currentRevision()),
    },
  })
  for (const kind of kinds) resources.add(kind)

  const authorities = parseBundle(pem(config.clientCaFile) ?? '')
  const authenticator = unionAuthenticator([x509(createCertificateCheck(() => authorities))])
  const authorizer = unionAuthorizer([privilegedGroups(systemMasters), alwaysAllow])
  const watches = new WatchRegistry()
  const route = createRouter({
    resources,
    admission: createAdmissionChain([]),
    clock: realClock,
    watches,
    minRequestTimeoutSeconds: config.minRequestTimeoutSeconds,
    subresources: () => undefined,
    virtual: () => undefined,
  })
  const health = new HealthChecks()
  const paths = createPathHandler({
    discovery: new Discovery(resources, `${config.advertiseAddress}:${config.securePort}`),
    health,
    metrics: () => registry.metrics(),
    openapi: createOpenApiHandler(log),
    issuerDocuments: new Map(),
    groupPaths: () => [],
  })
  const filters = buildChain({
    metrics,
    authenticator,
    authorizer,
    anonymousAuth: config.anonymousAuth,
    inFlight: config.maxInFlight,
  })
  const handle = compose(filters, (ctx) => (ctx.info.isResourceRequest ? route(ctx) : paths(ctx)))
  const server = createServer({
    tls: {
      cert: readFileSync(config.tls.certFile, 'utf8'),
      key: readFileSync(config.tls.keyFile, 'utf8'),
      ca: [pem(config.clientCaFile) ?? ''],
    },
    log,
    handle,
    handleUpgrade: (ctx: HttpRequestContext, _socket: Duplex, _head: Buffer) => handle(ctx),
  })
  const port = await server.listen(config.bindAddress, config.securePort)
  log.info({ port }, 'serving')
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  watches.endAll()
  await server.close()
  await store.close()
}
