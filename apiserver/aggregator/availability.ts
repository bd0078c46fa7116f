/**
 * The condition Available of APIServices that another server is behind: its Service, its endpoints, its discovery.
 * Upstream: kube-aggregator/pkg/controllers/status/remote
 */
import { setCondition } from '../../api/meta/conditions.ts'
import { isReason, notFound } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { APIService, EndpointSlice, Service } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { trackSystemWrite } from '../registry/field-manager.ts'
import { keyFor, type Resource } from '../registry/resource.ts'
import { cloneJson, equalJson } from '../storage/json.ts'
import type { CacheWatcher, WatchCache } from '../storage/watch-cache/watch-cache.ts'
import type { ServiceReader } from '../webhook/service-resolver.ts'
import { backendUrl } from '../streaming/backend.ts'
import type { ApiServices } from './api-services.ts'
import type { Backends } from './backends.ts'
import { KeyedLoop } from './keyed-loop.ts'
import type { AggregatorMetrics } from './metrics.ts'
import { discoveryPathOf, type RemoteService } from './remote-service.ts'

export interface AvailabilityOptions {
  readonly apiServices: ApiServices
  readonly resource: Resource
  readonly services: Resource
  readonly slices: Resource
  readonly reader: ServiceReader
  readonly backends: Backends
  readonly metrics: AggregatorMetrics
  readonly clock: Clock
  readonly log: Logger
}

interface Finding {
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** How often each is looked at, whatever happens. */
const resyncMs = 30_000
const discoveryTimeoutMs = 5000
/** One of several endpoints that answers is enough. */
const attempts = 5

const prober = { name: 'system:kube-aggregator', groups: ['system:masters'] }

const failed = (reason: string, message: string): Finding => ({ status: 'False', reason, message })

const hasAvailableEndpoint = (portName: string, slices: readonly EndpointSlice[]): boolean =>
  slices.some(
    ({ endpoints, ports }) =>
      (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) &&
      (ports ?? []).some(({ name = '', port }) => name === portName && port !== undefined),
  )

/** What is wrong with the Service itself, as far as it can be seen; pure. */
export const serviceFinding = (
  { service: { namespace, name, port } }: RemoteService,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Finding | undefined => {
  const where = `service/${name} in ${JSON.stringify(namespace)}`
  if (service === undefined) return failed('ServiceNotFound', `${where} is not present`)
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined
  const listening = service.spec?.ports?.find((candidate) => candidate.port === port)
  if (listening === undefined) return failed('ServicePortError', `${where} is not listening on port ${port}`)
  if (slices.length === 0) return failed('EndpointsNotFound', `cannot find endpointslices for ${where}`)
  const { name: portName = '' } = listening
  if (hasAvailableEndpoint(portName, slices)) return undefined
  return failed(
    'MissingEndpoints',
    `endpointslices for ${where} have no addresses with port name ${JSON.stringify(portName)}`,
  )
}

/** Calls back with all changes of a cache; `lost` where it missed some. */
const follow = (cache: WatchCache, changed: CacheWatcher['onEvent'], lost: () => void): void => {
  const watcher: CacheWatcher = {
    onEvent: changed,
    onRestart: () => {
      cache.watch(watcher)
      lost()
    },
  }
  cache.watch(watcher)
}

export const runAvailability = (options: AvailabilityOptions, signal: AbortSignal): void => {
  const { apiServices, resource, reader, backends, metrics, clock, log } = options

  /** Rejects with why the server's discovery cannot be had. */
  const probe = async (remote: RemoteService): Promise<void> => {
    const backend = await backends.backendOf(remote, discoveryPathOf(remote))
    const url = backendUrl(backend)
    try {
      const { code } = await backends.get(backend, { user: prober, timeoutMs: discoveryTimeoutMs })
      if (code < 200 || code >= 300) throw new Error(`bad status from ${url}: ${code}`)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`failing or missing response from ${url}: ${why}`, { cause: error })
    }
  }

  const discoveryFinding = async (remote: RemoteService): Promise<Finding> => {
    try {
      await Promise.any(Array.from({ length: attempts }, () => probe(remote)))
      return { status: 'True', reason: 'Passed', message: 'all checks passed' }
    } catch (error) {
      const last: unknown = error instanceof AggregateError ? error.errors.at(-1) : error
      return failed('FailedDiscoveryCheck', last instanceof Error ? last.message : String(last))
    }
  }

  const write = async (name: string, finding: Finding): Promise<void> => {
    await resource.store.update(keyFor(resource, '', name), (current) => {
      if (current === undefined) throw notFound(resource.groupResource, name)
      const before = current as APIService
      const now = nowRfc3339(clock.now())
      const conditions = setCondition(before.status?.conditions, { type: 'Available', ...finding }, now)
      if (equalJson(conditions, before.status?.conditions)) return { type: 'keep' }
      const after = cloneJson(before)
      after.status = { ...after.status, conditions: [...conditions] }
      trackSystemWrite(resource, before, after, clock.now(), 'status')
      return { type: 'write', object: after }
    })
  }

  const work = async (name: string): Promise<boolean> => {
    const remote = apiServices.remotes().find((candidate) => candidate.name === name)
    if (remote === undefined) {
      metrics.forget(name)
      return false
    }
    const { namespace, name: serviceName } = remote.service
    const service = await reader.service(namespace, serviceName)
    const slices = service === undefined ? [] : await reader.slices(namespace, serviceName)
    const finding = serviceFinding(remote, service, slices) ?? (await discoveryFinding(remote))
    const available = finding.status === 'True'
    metrics.observed(name, available, remote.available && !available ? finding.reason : undefined)
    await write(name, finding).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error
    })
    if (finding.reason === 'FailedDiscoveryCheck') throw new Error(finding.message)
    return true
  }

  const loop = new KeyedLoop({
    clock,
    work,
    resyncMs,
    onError: (apiService, err) => log.debug({ err, apiService }, 'an aggregated server is not available'),
  })
  signal.addEventListener('abort', () => loop.stop(), { once: true })

  const ofService = (namespace: string, name: string): void => {
    for (const { name: key, service } of apiServices.remotes()) {
      if (service.namespace === namespace && service.name === name) loop.add(key)
    }
  }
  const all = (): void => {
    for (const { name } of apiServices.remotes()) loop.add(name)
  }
  const ofKey = (key: string): void => {
    const slash = key.indexOf('/')
    ofService(key.slice(0, slash), key.slice(slash + 1))
  }
  follow(options.services.store.cache, ({ key }) => ofKey(key), all)
  const sliceChanged: CacheWatcher['onEvent'] = ({ key, entry }) => {
    if (apiServices.remotes().length === 0) return
    const service = entry.object.metadata?.labels?.['kubernetes.io/service-name'] ?? ''
    ofService(key.slice(0, key.indexOf('/')), service)
  }
  follow(options.slices.store.cache, sliceChanged, all)
  let known: RemoteService[] = []
  const compare = (): void => {
    const remotes = apiServices.remotes()
    // A change of the availability is our own.
    const same = ({ available: _, ...remote }: RemoteService): string => JSON.stringify(remote)
    const before = new Map(known.map((remote) => [remote.name, same(remote)]))
    for (const remote of remotes) if (before.get(remote.name) !== same(remote)) loop.add(remote.name)
    for (const { name } of known) if (!remotes.some((remote) => remote.name === name)) loop.add(name)
    known = remotes
  }
  apiServices.onChange(compare)
  compare()
}
