/** Where a Service is reached from here: one of its ready endpoints. Upstream: proxy.ResolveEndpoint */
import { randomInt } from 'node:crypto'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { keyFor } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export type ResolveService = (namespace: string, name: string, port: number) => Promise<Address>

/**
 * Cluster IPs lead somewhere inside of nodes only, so Services are resolved to Pods, as with
 * --enable-aggregator-routing. Rejects with upstream's words where there is nobody.
 */
export const createServiceResolver = (resources: Resources): ResolveService => {
  const services = resources.get({ group: '', version: 'v1', resource: 'services' })
  const slices = resources.get({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' })
  return async (namespace, name, port) => {
    const entry = await services.store.getCached(keyFor(services, namespace, name))
    const service = entry?.object as Service | undefined
    if (service === undefined) throw new Error(`service ${JSON.stringify(name)} not found`)
    if (service.spec?.type === 'ExternalName') return { host: service.spec.externalName ?? '', port }
    const match = service.spec?.ports?.find((candidate) => candidate.port === port)
    if (match === undefined) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`)
    await slices.store.cache.ready()
    const addresses = slices.store.cache
      .range(`${namespace}/`)
      .map(({ object }) => object as EndpointSlice)
      .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
      .flatMap(({ endpoints, ports }) => {
        const target = ports?.find((candidate) => (candidate.name ?? '') === (match.name ?? ''))?.port
        if (target === undefined) return []
        const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
        return ready.flatMap((endpoint) => endpoint.addresses.map((host) => ({ host, port: target })))
      })
    const chosen = addresses[addresses.length === 0 ? 0 : randomInt(addresses.length)]
    if (chosen === undefined) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`)
    return chosen
  }
}
