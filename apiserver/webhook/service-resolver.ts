/** Where a Service is reached from here. Upstream: proxy.ResolveCluster and ResolveEndpoint of apiserver/pkg/util/proxy */
import { randomInt } from 'node:crypto'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { keyFor } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Rejects with upstream's words where there is nobody. */
export type ResolveService = (namespace: string, name: string, port: number) => Promise<Address>

export interface ServiceRouting {
  /** `--enable-aggregator-routing`: to an endpoint; else to the cluster IP, which this host must be able to reach. */
  readonly toEndpoints: boolean
  /** Port of this server, which the Service `kubernetes` means. */
  readonly securePort: number
}

type Slices = readonly EndpointSlice[]

/** Ready addresses of the Service's port. */
const endpointsOf = (slices: Slices, portName: string): Address[] =>
  slices.flatMap(({ endpoints, ports }) => {
    const port = ports?.find(({ name = '' }) => name === portName)?.port
    if (port === undefined) return []
    const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
    return ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port })))
  })

const portOf = ({ spec, metadata }: Service, port: number) => {
  const match = spec?.ports?.find((candidate) => candidate.port === port)
  if (match !== undefined) return match
  throw new Error(`no service port ${port} found for service ${JSON.stringify(metadata?.name)}`)
}

const clusterAddress = (service: Service, port: number): Address => {
  const { type = 'ClusterIP', clusterIP = '', externalName = '' } = service.spec ?? {}
  if (type === 'ExternalName') return { host: externalName, port }
  if (type === 'ClusterIP' && clusterIP === 'None') throw new Error('cannot route to service with ClusterIP "None"')
  return { host: clusterIP, port: portOf(service, port).port }
}

const endpointAddress = (service: Service, slices: Slices, port: number): Address => {
  const { name: portName = '' } = portOf(service, port)
  const { type = 'ClusterIP' } = service.spec ?? {}
  if (type === 'ExternalName') throw new Error(`unsupported service type ${JSON.stringify(type)}`)
  const addresses = endpointsOf(slices, portName)
  const chosen = addresses[addresses.length === 0 ? 0 : randomInt(addresses.length)]
  if (chosen === undefined) {
    throw new Error(`no endpoints available for service ${JSON.stringify(service.metadata?.name)}`)
  }
  return chosen
}

export interface ServiceReader {
  readonly service: (namespace: string, name: string) => Promise<Service | undefined>
  /** Slices of a Service. */
  readonly slices: (namespace: string, name: string) => Promise<Slices>
}

export const createServiceReader = (resources: Resources): ServiceReader => {
  const services = resources.get({ group: '', version: 'v1', resource: 'services' })
  const slices = resources.get({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' })
  return {
    service: async (namespace, name) =>
      (await services.store.getCached(keyFor(services, namespace, name)))?.object as Service | undefined,
    slices: async (namespace, name) => {
      await slices.store.cache.ready()
      return slices.store.cache
        .range(`${namespace}/`)
        .map(({ object }) => object as EndpointSlice)
        .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
    },
  }
}

export const createServiceResolver =
  (reader: ServiceReader, { toEndpoints, securePort }: ServiceRouting): ResolveService =>
  async (namespace, name, port) => {
    if (namespace === 'default' && name === 'kubernetes' && port === 443) return { host: '127.0.0.1', port: securePort }
    const service = await reader.service(namespace, name)
    if (service === undefined) throw new Error(`service ${JSON.stringify(name)} not found`)
    if (!toEndpoints) return clusterAddress(service, port)
    return endpointAddress(service, await reader.slices(namespace, name), port)
  }
