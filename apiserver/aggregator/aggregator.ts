/**
 * The aggregation layer: groups and versions that other servers have, behind this one's name, users and permissions.
 *
 *     APIService ──► availability (Service, endpoints, discovery) ──► condition Available
 *          │                                                             │
 *          └──► documents (discovery, OpenAPI) ──► /apis, /openapi       └──► proxy, or 503
 */
import { realClock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Registry } from '../../component-base/metrics/prometheus.ts'
import type { AggregatorConfig } from '../config.ts'
import type { AggregatedApis } from '../discovery/groups.ts'
import type { Resources } from '../registry/resources.ts'
import type { HttpContext } from '../server/context.ts'
import type { ResolveService, ServiceReader } from '../webhook/service-resolver.ts'
import { ApiServices } from './api-services.ts'
import { type AutoRegister, createAutoRegister } from './auto-register.ts'
import { runAvailability } from './availability.ts'
import { createBackends } from './backends.ts'
import { RemoteDocuments } from './documents.ts'
import { createAggregatorMetrics } from './metrics.ts'
import { proxyToRemote } from './proxy.ts'
import type { RemoteService } from './remote-service.ts'

export interface AggregatorOptions {
  readonly config: AggregatorConfig
  readonly resources: Resources
  readonly reader: ServiceReader
  readonly resolve: ResolveService
  readonly registry: Registry
  readonly log: Logger
}

export interface Aggregator {
  readonly apis: AggregatedApis
  readonly documents: RemoteDocuments
  readonly autoRegister: AutoRegister
  /** Whether the APIServices of this server's own have been made. */
  readonly registered: () => boolean
  /** Whose request this is; undefined for this server's own. */
  readonly remoteFor: (path: string) => RemoteService | undefined
  readonly proxy: (ctx: HttpContext, remote: RemoteService) => Promise<void>
  /** Called when what clients are told may be another. */
  readonly onChange: (listener: () => void) => void
  /** Resolves when the APIServices are known. */
  readonly ready: () => Promise<void>
}

/** Follows APIServices until the signal. */
export const startAggregator = (options: AggregatorOptions, signal: AbortSignal): Aggregator => {
  const { config, resources, reader, resolve, registry, log } = options
  const resource = resources.get({ group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' })
  const apiServices = new ApiServices(resource)
  const backends = createBackends(config, resolve, signal)
  const documents = new RemoteDocuments(apiServices, backends, { clock: realClock, log })
  runAvailability(
    {
      apiServices,
      resource,
      services: resources.get({ group: '', version: 'v1', resource: 'services' }),
      slices: resources.get({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' }),
      reader,
      backends,
      metrics: createAggregatorMetrics(registry),
      clock: realClock,
      log,
    },
    signal,
  )
  documents.run(signal)
  const autoRegister = createAutoRegister(resources, realClock, log)
  return {
    apis: {
      entries: () => apiServices.entries(),
      remotes: () => apiServices.remotes(),
      discoveryOf: (remote) => documents.discoveryOf(remote),
    },
    documents,
    autoRegister,
    registered: () => autoRegister.isDone(),
    remoteFor: (path) => apiServices.remoteForPath(path),
    proxy: (ctx, remote) => proxyToRemote(ctx, remote, { backends, rejectsRedirects: config.rejectsRedirects }),
    onChange: (listener) => {
      apiServices.onChange(listener)
      documents.onChange(listener)
    },
    ready: () => apiServices.ready(),
  }
}
