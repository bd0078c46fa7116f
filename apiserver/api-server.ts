/** Puts the parts of an API server together and runs it. The order of this file is the order of the start. */
import { readFileSync } from 'node:fs'
import { realClock, sleep } from '../component-base/clock.ts'
import { HealthChecks } from '../component-base/healthz/healthz.ts'
import { healthMetrics } from '../component-base/healthz/metrics.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { Registry } from '../component-base/metrics/prometheus.ts'
import { createAuditor } from './audit/auditor.ts'
import { createAdmissionChain } from './admission/chain.ts'
import { admissionPlugins } from './admission/plugins.ts'
import { createAdmissionMetrics } from './admission/metrics.ts'
import { createPodSecurityMetrics } from './admission/pod-security/metrics.ts'
import { createWebhookMetrics } from './admission/webhook/metrics.ts'
import { startAggregator } from './aggregator/aggregator.ts'
import { buildAuthentication, readVerificationKeys } from './authentication/build.ts'
import { identityHeaders } from './authentication/request-header.ts'
import { parseSigningKey } from './authentication/service-account/keys.ts'
import { buildAuthorization } from './authorization/build.ts'
import { createAuthorizationMetrics } from './authorization/metrics.ts'
import { createConversionMetrics } from './extensions/conversion/metrics.ts'
import { createCrdController } from './extensions/crd-controller.ts'
import { CustomServer } from './extensions/serve-custom.ts'
import { startBootstrap } from './bootstrap/bootstrap.ts'
import { type Config, readOptional } from './config.ts'
import { openEncryption } from './encryption/encryption.ts'
import { createEncryptionMetrics } from './encryption/metrics.ts'
import { servedGroups } from './discovery/groups.ts'
import { Discovery } from './discovery/handler.ts'
import { OpenApi } from './discovery/openapi.ts'
import { subresourceHandlers, virtualHandlers } from './endpoints/install.ts'
import { createRouter } from './endpoints/router.ts'
import { offerUpgrade } from './server/upgrades.ts'
import { WatchRegistry } from './endpoints/watch-registry.ts'
import { realFlowClock } from './flow-control/clock.ts'
import { flowControlDumps } from './flow-control/dump.ts'
import { FlowControl } from './flow-control/flow-control.ts'
import { FlowController } from './flow-control/flow-controller.ts'
import { listStatistics } from './flow-control/list-statistics.ts'
import { registerFlowControlMetrics } from './flow-control/metrics.ts'
import { createApiServerMetrics, createInFlightMetric } from './metrics.ts'
import { createServiceMetrics } from './registry/services/metrics.ts'
import { serveKinds } from './registry/serve-kinds.ts'
import { buildChain, compose, type Handler } from './server/chain.ts'
import { issuerDocuments } from './server/issuer-documents.ts'
import { listedPaths } from './server/listed-paths.ts'
import { createPathHandler } from './server/paths.ts'
import { processFacts } from './server/process-facts.ts'
import { createServer } from './server/server.ts'
import { openServerTls } from './server/tls.ts'
import { flagz, statusz } from './server/zpages.ts'
import { openStore } from './storage/open.ts'
import { createReviewCaller } from './webhook/review-caller.ts'
import { createServiceReader, createServiceResolver } from './webhook/service-resolver.ts'

/** The process is ended half a minute after the signal: what is under way then is lost anyway. */
const maxDrainMs = 25_000

export const runApiServer = async (
  config: Config,
  registry: Registry,
  log: Logger,
  signal: AbortSignal,
): Promise<void> => {
  const metrics = createApiServerMetrics(registry)
  const auditor = config.audit === undefined ? undefined : createAuditor(config.audit, { registry, log })
  /** Ends the background work; the caches go on until the last request is answered. */
  const stopped = new AbortController()
  const storeClosed = new AbortController()
  const apiServerId = `${config.advertiseAddress}:${config.securePort}`
  const encryption =
    config.encryption === undefined
      ? undefined
      : await openEncryption(config.encryption, {
          log,
          metrics: createEncryptionMetrics(registry, apiServerId),
          signal: storeClosed.signal,
        })
  const deps = await openStore(config, metrics.etcdRequest, log, storeClosed.signal, encryption)
  const serviceMetrics = createServiceMetrics(registry)
  const served = serveKinds(config, deps, serviceMetrics, log)
  const { resources } = served

  const keys = readVerificationKeys(config)
  const { authenticator, tokens } = buildAuthentication(config, resources, keys, {
    clock: realClock,
    registry,
    log,
    signal: stopped.signal,
  })
  const { authorizer, rules, rbac } = buildAuthorization(config.authorization, {
    resources,
    gates: config.gates,
    metrics: createAuthorizationMetrics(registry, apiServerId),
    log,
    signal: stopped.signal,
  })
  const serviceReader = createServiceReader(resources)
  const { toEndpoints } = config.aggregator
  const resolve = createServiceResolver(serviceReader, { toEndpoints, securePort: config.securePort })
  const callReview = createReviewCaller(resolve)
  const aggregator = startAggregator(
    { config: config.aggregator, resources, reader: serviceReader, resolve, registry, log },
    stopped.signal,
  )
  const flowController = new FlowController({
    serverLimit: config.maxInFlight.readOnly + config.maxInFlight.mutating,
    clock: realFlowClock,
    log,
  })
  const flowControl = config.priorityAndFairness
    ? new FlowControl({ controller: flowController, statisticsOf: listStatistics(resources) })
    : undefined
  if (flowControl !== undefined) registerFlowControlMetrics(registry, flowController)
  const watches = new WatchRegistry(metrics.watchEvents)
  const install = {
    resources,
    authorizer,
    rules,
    tokens,
    kubelet: config.kubelet,
    upgradesNeedCreate: config.gates.AuthorizePodWebsocketUpgradeCreatePermission,
    etcd: config.etcd,
    issuer: {
      issuer: config.serviceAccount.issuers[0] ?? '',
      key: parseSigningKey(readFileSync(config.serviceAccount.signingKeyFile, 'utf8')),
      audiences: config.serviceAccount.audiences,
      maxExpirationSeconds: config.serviceAccount.maxExpirationSeconds,
      extendExpiration: config.serviceAccount.extendExpiration,
    },
  }
  const route = createRouter({
    resources,
    admission: createAdmissionChain(
      admissionPlugins(
        {
          resources,
          authorizer,
          rbac,
          tolerations: {
            notReadySeconds: config.notReadyTolerationSeconds,
            unreachableSeconds: config.unreachableTolerationSeconds,
          },
          allowPrivileged: config.allowPrivileged,
          podSecurityMetrics: createPodSecurityMetrics(registry),
          webhookMetrics: createWebhookMetrics(registry),
          callReview,
          log,
          clock: realClock,
        },
        config.admission,
      ),
      createAdmissionMetrics(registry),
    ),
    authorizer,
    clock: realClock,
    watches,
    minRequestTimeoutSeconds: config.minRequestTimeoutSeconds,
    subresources: subresourceHandlers(install),
    virtual: virtualHandlers(install),
  })

  const healthRegistry = new Registry()
  const health = new HealthChecks(log, healthMetrics(healthRegistry))
  const documents = issuerDocuments(config, keys)
  const paths = (): string[] =>
    listedPaths(servedGroups(resources, aggregator.apis), [
      ...health.paths(),
      ...documents.keys(),
      ...Object.keys(zPages),
    ])
  const zPages = {
    ...(config.gates.ComponentFlagz ? { '/flagz': flagz(config.flagTexts) } : {}),
    ...(config.gates.ComponentStatusz ? { '/statusz': statusz(processFacts(paths)) } : {}),
  }
  const openApi = new OpenApi(resources, {
    openApiV2: () => aggregator.documents.openApiV2(),
    openApiV3: () => aggregator.documents.openApiV3(),
    convertedOpenApiV3: (remote) => aggregator.documents.convertedOpenApiV3(remote),
    remoteFor: aggregator.remoteFor,
    proxy: aggregator.proxy,
  })
  const discovery = new Discovery(resources, aggregator.apis, `${config.advertiseAddress}:${config.securePort}`)
  const conversions = { call: callReview, metrics: createConversionMetrics(registry) }
  aggregator.onChange(() => {
    discovery.invalidate()
    openApi.invalidate()
  })
  const customServer = new CustomServer(resources, conversions, log, () => discovery.invalidate())
  const crds = createCrdController({ resources, server: customServer, clock: realClock, log })
  const answerPath = createPathHandler({
    discovery,
    health,
    metrics: { '/metrics': registry, '/metrics/slis': healthRegistry },
    zPages,
    debug: flowControl === undefined ? {} : flowControlDumps(flowController),
    profiling: config.profiling,
    openapi: (ctx) => openApi.handle(ctx),
    issuerDocuments: documents,
    listedPaths: paths,
  })
  const filters = buildChain({
    isIdentityHeader: config.requestHeader === undefined ? undefined : identityHeaders(config.requestHeader),
    metrics,
    auditor,
    authenticator,
    authorizer,
    allowAnonymous: (path) => {
      const { enabled, paths } = config.externalTokens.anonymous
      return enabled && (paths.length === 0 || paths.includes(path))
    },
    limit: flowControl ?? { ...config.maxInFlight, note: createInFlightMetric(registry) },
    requestTimeoutMs: config.requestTimeoutMs,
    goawayChance: config.http2.goawayChance,
    strictTransportSecurity: config.strictTransportSecurity,
  })
  const handle: Handler = compose(filters, (ctx) => {
    const remote = aggregator.remoteFor(ctx.info.path)
    if (remote !== undefined) return aggregator.proxy(ctx, remote)
    return ctx.info.isResourceRequest ? route(ctx) : answerPath(ctx)
  })
  const tls = await openServerTls(config)
  const server = createServer({
    tls: tls.initial,
    log,
    maxStreams: config.http2.disabled ? 0 : config.http2.maxStreams,
    drainTimeoutMs: Math.min(config.requestTimeoutMs, maxDrainMs),
    handle,
    handleUpgrade: (ctx, upgrade) => {
      offerUpgrade(ctx, upgrade)
      return handle(ctx)
    },
  })
  tls.follow(server.server, stopped.signal)

  if (encryption?.check !== undefined) health.add('kms-providers', encryption.check)
  health.add('etcd', async () => void (await deps.currentRevision()))
  health.add('autoregister-completion', () => failIf(!aggregator.registered(), 'missing APIServices'))
  health.add('shutdown', () => failIf(signal.aborted, 'shutting down'), ['readyz'])
  const bootstrap = startBootstrap(
    {
      config,
      deps,
      served,
      serviceMetrics,
      crds,
      flowController: flowControl?.controller,
      aggregator,
      log,
      rbacReady: () => rbac.ready(),
      authentication: {
        files: [config.clientCaFile, config.requestHeader?.caFile ?? ''].filter((file) => file !== ''),
        read: () => ({
          clientCa: readOptional(config.clientCaFile),
          requestHeader:
            config.requestHeader === undefined
              ? undefined
              : { ...config.requestHeader, ca: readFileSync(config.requestHeader.caFile, 'utf8') },
        }),
      },
    },
    stopped.signal,
  )
  for (const { name, done } of bootstrap.hooks) {
    health.add(`poststarthook/${name}`, () => failIf(!done(), 'not finished'), ['healthz', 'readyz'])
  }
  const port = await server.listen(config.bindAddress, config.securePort)
  log.info({ port, address: config.bindAddress }, 'serving securely')

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await sleep(config.shutdownDelayMs)
  stopped.abort()
  await bootstrap.finished
  watches.endAll()
  await server.close()
  await auditor?.close()
  storeClosed.abort()
  await deps.store.close()
}

const failIf = (failed: boolean, why: string): void => {
  if (failed) throw new Error(why)
}
