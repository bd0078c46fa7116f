/** What happens after the start, upstream's post-start hooks: readiness waits for it, serving does not. */
import { realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Config } from '../config.ts'
import type { Resources } from '../registry/resources.ts'
import type { IpAllocator } from '../registry/services/ip-allocator.ts'
import { addressAt } from '../registry/services/ip-range.ts'
import type { NodePortAllocator } from '../registry/services/node-port-allocator.ts'
import type { StoreDependencies } from '../storage/resource-store.ts'
import { runCompactor } from './compactor.ts'
import { ensureKubernetesService, keepEndpoints } from './kubernetes-service.ts'
import { reconcileRbac } from './rbac.ts'
import { repairServices } from './repair-services.ts'
import { type AuthenticationFacts, ensureSystemObjects } from './system-objects.ts'

export interface BootstrapOptions {
  readonly config: Config
  readonly deps: StoreDependencies
  readonly served: { readonly resources: Resources; readonly ips: IpAllocator; readonly ports: NodePortAllocator }
  readonly facts: AuthenticationFacts
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
  { config, deps, served, facts, rbacReady, log }: BootstrapOptions,
  signal: AbortSignal,
): Bootstrap => {
  const { resources, ips, ports } = served
  const service = {
    resources,
    store: deps.store,
    root: config.etcdPrefix,
    advertiseAddress: config.advertiseAddress,
    securePort: config.securePort,
    clusterIp: addressAt(ips.range, 1),
    leases: deps.leases,
    log,
  }
  const hook = (name: string, work: () => Promise<void>) => startHook(name, work, log, signal)
  const hooks = [
    hook('start-system-namespaces-controller', async () => {
      await ensureSystemObjects(resources, ips.range.text, facts)
      await ensureKubernetesService(service)
    }),
    ...(config.authorizationModes.includes('RBAC')
      ? [
          hook('rbac/bootstrap-roles', async () => {
            await reconcileRbac(resources)
            await rbacReady()
          }),
        ]
      : []),
  ]
  const background = [
    repairServices({ resources, ips, ports, clock: realClock, log }).catch((err: unknown) =>
      log.warn({ err }, 'cannot check the addresses and ports of Services'),
    ),
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
