/**
 * From Ingresses, Services and EndpointSlices to what a proxy has to do with a request: which host, which path, which
 * servers. Pure.
 *
 * The most specific host decides (its name, then a wildcard, then none), and within it the longest path; of two that
 * are equal, Exact wins over Prefix and the older Ingress over the younger. Where no path fits, the default backend of
 * the host's Ingress takes it, then the oldest default backend of all; without one it is 404.
 */
import type { EndpointSlice, Ingress, Service } from '../../api/types.ts'

export interface Server {
  readonly ip: string
  readonly port: number
}

export interface PathRoute {
  readonly match: 'exact' | 'prefix'
  /** Of a prefix without the slash at its end; '' is all. */
  readonly path: string
  readonly backend: string
}

export interface HostRoutes {
  /** '' is any host; `*.example.com` any one label before it. */
  readonly host: string
  /** In the order in which they are to be tried. */
  readonly paths: readonly PathRoute[]
  readonly fallback: string | undefined
}

/** What an Ingress asks for and cannot have; its owner is told by an Event. */
export interface Problem {
  readonly ingress: Ingress
  readonly reason: string
  readonly message: string
}

export interface Routing {
  /** In the order in which they are to be tried. */
  readonly hosts: readonly HostRoutes[]
  readonly fallback: string | undefined
  /** Servers by the backend's name; none answer with 503. */
  readonly backends: ReadonlyMap<string, readonly Server[]>
  readonly problems: readonly Problem[]
}

export interface Cluster {
  readonly serviceOf: (namespace: string, name: string) => Service | undefined
  readonly slicesOf: (namespace: string, name: string) => readonly EndpointSlice[]
}

type IngressBackend = NonNullable<NonNullable<Ingress['spec']>['defaultBackend']>
type ServiceBackend = NonNullable<IngressBackend['service']>
type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number]

const nameOf = ({ metadata }: Ingress): string => `${metadata?.namespace}/${metadata?.name}`

/** Oldest first: who came later does not take what is taken. */
export const byAge = (ingresses: readonly Ingress[]): Ingress[] => {
  const rank = (ingress: Ingress): string => `${String(ingress.metadata?.creationTimestamp ?? '')} ${nameOf(ingress)}`
  return ingresses.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

/** Ready endpoints; if there is none, those that serve while they terminate. */
const usable = (endpoints: readonly SliceEndpoint[]): readonly SliceEndpoint[] => {
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false)
  if (ready.length > 0) return ready
  return endpoints.filter(({ conditions }) => conditions?.serving === true && conditions.terminating === true)
}

const serversOf = (service: Service, slices: readonly EndpointSlice[], portName: string): Server[] => {
  const family = service.spec?.ipFamilies?.[0] ?? 'IPv4'
  const candidates = slices
    .filter(({ addressType }) => addressType === family)
    .flatMap(({ ports, endpoints }) => {
      // Both are null where there are none: upstream writes them always.
      const port = (ports ?? []).find((one) => (one.name ?? '') === portName && (one.protocol ?? 'TCP') === 'TCP')?.port
      return port === undefined ? [] : (endpoints ?? []).map((endpoint) => ({ ...endpoint, port }))
    })
  const servers = (usable(candidates) as readonly (SliceEndpoint & { port: number })[]).flatMap(({ addresses, port }) =>
    addresses.slice(0, 1).map((ip) => ({ ip, port })),
  )
  const unique = new Map(servers.map((server) => [`${server.ip} ${server.port}`, server]))
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, server]) => server)
}

type Resolution =
  | { readonly type: 'servers'; readonly name: string; readonly servers: readonly Server[] }
  | { readonly type: 'nothing'; readonly name: string; readonly reason: string; readonly message: string }

const resolveService = (namespace: string, backend: ServiceBackend, cluster: Cluster): Resolution => {
  const { number, name: portName } = backend.port ?? {}
  const id = `${namespace}/${backend.name}:${portName ?? number}`
  const name = `${namespace}:${backend.name}:${portName ?? number}`
  const service = cluster.serviceOf(namespace, backend.name)
  if (service === undefined)
    return {
      type: 'nothing',
      name,
      reason: 'ServiceNotFound',
      message: `service ${namespace}/${backend.name} does not exist`,
    }
  if (service.spec?.type === 'ExternalName')
    return {
      type: 'nothing',
      name,
      reason: 'UnsupportedBackend',
      message: `service ${namespace}/${backend.name} is of type ExternalName`,
    }
  const port = service.spec?.ports?.find((one) =>
    portName === undefined ? one.port === number : one.name === portName,
  )
  if (port === undefined)
    return { type: 'nothing', name, reason: 'PortNotFound', message: `service ${id}: there is no such port` }
  return {
    type: 'servers',
    name,
    servers: serversOf(service, cluster.slicesOf(namespace, backend.name), port.name ?? ''),
  }
}

const resolve = (ingress: Ingress, { service, resource }: IngressBackend, cluster: Cluster): Resolution => {
  const namespace = ingress.metadata?.namespace ?? ''
  if (service !== undefined) return resolveService(namespace, service, cluster)
  return {
    type: 'nothing',
    name: 'unsupported',
    reason: 'UnsupportedBackend',
    message: `resource backend ${resource?.kind} ${resource?.name}: only Services are supported`,
  }
}

/** What may stand in the path of a request; nothing else could ever be asked for. */
const isPath = (path: string): boolean => /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$/.test(path)

const hostRank = (host: string): number => (host === '' ? 2 : host.startsWith('*.') ? 1 : 0)

const inOrder = (paths: readonly PathRoute[]): PathRoute[] =>
  paths.toSorted((a, b) => b.path.length - a.path.length || (a.match === b.match ? 0 : a.match === 'exact' ? -1 : 1))

interface HostDraft {
  readonly paths: Map<string, PathRoute>
  fallback: string | undefined
}

/** Everything that the Ingresses of one controller ask for. */
export const planRoutes = (ingresses: readonly Ingress[], cluster: Cluster): Routing => {
  const backends = new Map<string, readonly Server[]>()
  const problems: Problem[] = []
  const hosts = new Map<string, HostDraft>()
  let fallback: string | undefined

  for (const ingress of byAge(ingresses)) {
    const use = (backend: IngressBackend): string => {
      const resolution = resolve(ingress, backend, cluster)
      backends.set(resolution.name, resolution.type === 'servers' ? resolution.servers : [])
      if (resolution.type === 'nothing') {
        const { reason, message } = resolution
        problems.push({ ingress, reason, message })
      }
      return resolution.name
    }
    const { defaultBackend, rules = [] } = ingress.spec ?? {}
    const own = defaultBackend === undefined ? undefined : use(defaultBackend)
    fallback ??= own
    for (const { host = '', http } of rules) {
      const draft = hosts.get(host) ?? { paths: new Map<string, PathRoute>(), fallback: undefined }
      hosts.set(host, draft)
      draft.fallback ??= own
      for (const { path = '', pathType, backend } of http?.paths ?? []) {
        const wanted = path === '' ? '/' : path
        if (!isPath(wanted)) {
          problems.push({
            ingress,
            reason: 'InvalidPath',
            message: `path ${JSON.stringify(path)}: no request has such a path`,
          })
          continue
        }
        const match = pathType === 'Exact' ? 'exact' : 'prefix'
        const route = { match, path: match === 'exact' ? wanted : wanted.replace(/\/+$/, '') } as const
        const id = `${match} ${route.path}`
        if (!draft.paths.has(id)) draft.paths.set(id, { ...route, backend: use(backend) })
      }
      // A rule without paths sends all to the default backend of its Ingress.
    }
  }
  return {
    hosts: [...hosts]
      .sort(([a], [b]) => hostRank(a) - hostRank(b) || b.length - a.length || (a < b ? -1 : 1))
      .map(([host, draft]) => ({ host, paths: inOrder([...draft.paths.values()]), fallback: draft.fallback })),
    fallback,
    backends,
    problems,
  }
}
