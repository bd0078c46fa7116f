/** What happens after the start, upstream's post-start hooks: readiness waits for it, serving does not. */
import { hostname } from 'node:os'
import { realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Aggregator } from '../aggregator/aggregator.ts'
import type { Config } from '../config.ts'
import type { CrdController } from '../extensions/crd-controller.ts'
import type { Resources } from '../registry/resources.ts'
import type { ClusterIpAllocator } from '../registry/services/cluster-ip-allocator.ts'
import { addressText } from '../registry/services/ip-range.ts'
import type { ServiceMetrics } from '../registry/services/metrics.ts'
import type { NodePortAllocator } from '../registry/services/node-port-allocator.ts'
import type { StoreDependencies } from '../storage/resource-store.ts'
import { type AuthenticationFiles, createClusterAuthentication } from './cluster-authentication.ts'
import { runCompactor } from './compactor.ts'
import type { FlowController } from '../flow-control/flow-controller.ts'
import { createDefaultServiceCidr } from './default-service-cidr.ts'
import { createFlowControlConfig } from './flow-control-config.ts'
import { createFlowControlObjects } from './flow-control-objects.ts'
import { createIdentityLease } from './identity-lease.ts'
import { ensureKubernetesService, keepEndpoints, keepKubernetesService } from './kubernetes-service.ts'
import { reconcileRbac } from './rbac.ts'
import { createRepairs } from './repair-services.ts'
import { ensureSystemObjects } from './system-objects.ts'

export interface BootstrapOptions {
  readonly config: Config
  readonly deps: StoreDependencies
  readonly served: {
    readonly resources: Resources
    readonly ips: ClusterIpAllocator
    readonly ports: NodePortAllocator
  }
  readonly serviceMetrics: ServiceMetrics
  readonly crds: CrdController
  /** undefined: requests are limited without it. */
  readonly flowController: FlowController | undefined
  readonly aggregator: Aggregator
  readonly authentication: AuthenticationFiles
  readonly rbacReady: () => Promise<void>
  readonly log: Logger
}

interface Hook {
  readonly name: string
  readonly done: () => boolean
}

export interface Bootstrap {
  readonly hooks: readonly Hook[]
  /** Resolves when all background work has stopped, after the signal. */
  readonly finished: Promise<void>
}

const retryMs = 250

/** Starts a hook that is tried until it succeeds. */
const startHook = (
  name: string,
  work: () => Promise<void>,
  log: Logger,
  signal: AbortSignal,
): Hook & { readonly promise: Promise<void> } => {
  let done = false
  const attempt = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await work()
        done = true
        return
      } catch (err) {
        log.warn({ err, hook: name }, 'post-start hook failed, trying again')
        await sleep(retryMs, signal).catch(() => {})
      }
    }
  }
  return { name, done: () => done, promise: attempt() }
}

export const startBootstrap = (
  {
    config,
    deps,
    served,
    serviceMetrics,
    crds,
    aggregator,
    flowController,
    authentication,
    rbacReady,
    log,
  }: BootstrapOptions,
  signal: AbortSignal,
): Bootstrap => {
  const { resources, ips, ports } = served
  const [primary] = ips.flagRanges
  const service = {
    resources,
    store: deps.store,
    root: config.etcdPrefix,
    advertiseAddress: config.advertiseAddress,
    securePort: config.securePort,
    clusterIp: addressText(primary, primary.first),
    leases: deps.leases,
    log,
  }
  const common = { resources, clock: realClock, log }
  const defaultCidr = createDefaultServiceCidr({ ...common, cidrs: ips.flagRanges.map(({ text }) => text) })
  const clusterAuthentication = createClusterAuthentication(resources, authentication, log)
  const repairs = createRepairs({ ...common, ips, ports, metrics: serviceMetrics, ...config.serviceRepair })
  const hook = (name: string, work: () => Promise<void>) => startHook(name, work, log, signal)
  const identity = createIdentityLease({ ...common, host: hostname() })
  const flowObjects = createFlowControlObjects(resources, realClock)
  const flowConfig =
    flowController === undefined
      ? undefined
      : createFlowControlConfig({ ...common, controller: flowController, objects: flowObjects })
  const namespaces = hook('start-system-namespaces-controller', () => ensureSystemObjects(resources))
  const serviceCidr = hook('start-kubernetes-service-cidr-controller', () => defaultCidr.sync())
  const hooks = [
    // What was defined before is served before this server says that it is ready.
    hook('crd-informer-synced', () => crds.sync()),
    hook('apiservice-registration-controller', () => aggregator.ready()),
    hook('kube-apiserver-autoregistration', () => aggregator.autoRegister.sync()),
    namespaces,
    serviceCidr,
    hook('start-cluster-authentication-info-controller', async () => {
      await namespaces.promise
      await clusterAuthentication.sync()
    }),
    hook('start-kube-apiserver-identity-lease-controller', async () => {
      await namespaces.promise
      await identity.renew()
    }),
    // Each of these needs what the one before it has made.
    hook('bootstrap-controller', async () => {
      await Promise.all([namespaces.promise, serviceCidr.promise])
      await ensureKubernetesService(service)
    }),
    hook('start-service-ip-repair-controllers', async () => {
      await serviceCidr.promise
      await repairs.first()
    }),
    hook('priority-and-fairness-config-producer', () => flowObjects.ensureAll()),
    ...(flowConfig === undefined ? [] : [hook('priority-and-fairness-config-consumer', () => flowConfig.sync())]),
    ...(config.authorization.authorizers.some(({ type }) => type === 'RBAC')
      ? [
          hook('rbac/bootstrap-roles', async () => {
            await reconcileRbac(resources, config.gates)
            await rbacReady()
          }),
        ]
      : []),
  ]
  const background = [
    crds.run(signal),
    aggregator.autoRegister.run(signal),
    clusterAuthentication.run(signal),
    defaultCidr.keep(signal),
    identity.run(signal),
    repairs.run(signal),
    flowConfig?.run(signal),
    keepKubernetesService(service, signal),
    config.reconcileEndpoints ? keepEndpoints(service, signal) : Promise.resolve(),
    runCompactor(
      {
        store: deps.store,
        intervalMs: config.compactionIntervalMs,
        compacted: (revision) => resources.trim(revision),
        log,
      },
      signal,
    ),
  ]
  return {
    hooks,
    finished: Promise.all([...hooks.map(({ promise }) => promise), ...background]).then(() => undefined),
  }
}
