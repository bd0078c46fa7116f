/** Services, and what the store holds of their addresses and ports. */
import { decodePorts, encodePorts } from '../../../apiserver/registry/services/port-bitmap.ts'
import { ipAddresses, services } from '../../../api/resources.ts'
import type { Service, ServiceCIDR } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { TestCluster } from '../../harness/cluster.ts'

export type ServiceSpec = NonNullable<Service['spec']>

export const aService = (namespace: string, name: string, spec: ServiceSpec = {}): Service => ({
  metadata: { namespace, name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
})

export const aServiceCidr = (name: string, ...cidrs: string[]): ServiceCIDR => ({ metadata: { name }, spec: { cidrs } })

export const specOf = ({ spec }: Service): ServiceSpec => spec ?? {}

export const ipsOf = (service: Service): string[] =>
  (specOf(service).clusterIPs ?? []).filter((ip) => ip !== 'None' && ip !== '')

/** The addresses that are marked as taken. */
export const allocatedIps = async (client: RestClient): Promise<string[]> => {
  const { items } = await client.list(ipAddresses)
  return items.map(({ metadata }) => metadata?.name ?? '').toSorted()
}

const portsKey = Buffer.from('/registry/ranges/servicenodeports')

/** The ports that are marked as taken. */
export const allocatedPorts = async (cluster: TestCluster): Promise<number[]> => {
  using etcd = cluster.newEtcdClient()
  const { kvs } = await etcd.range({ key: portsKey })
  const value = kvs[0]?.value
  return value === undefined ? [] : [...decodePorts(Buffer.from(value))].toSorted((a, b) => a - b)
}

/** Marks these ports as taken and no others, as somebody with the store's key could. */
export const forgePorts = async (cluster: TestCluster, ports: readonly number[]): Promise<void> => {
  using etcd = cluster.newEtcdClient()
  await etcd.put({ key: portsKey, value: encodePorts(new Set(ports), { first: 30_000, last: 32_767 }) })
}

export const portsOf = (service: Service): number[] => {
  const { type, ports = [], healthCheckNodePort = 0 } = specOf(service)
  if (type !== 'NodePort' && type !== 'LoadBalancer') return []
  return [...new Set([...ports.map(({ nodePort = 0 }) => nodePort), healthCheckNodePort])].filter((port) => port !== 0)
}

export interface Holdings {
  readonly ips: readonly string[]
  readonly ports: readonly number[]
}

/** What all Services hold, each as often as it is held. */
export const heldByServices = async (client: RestClient): Promise<Holdings> => {
  const { items } = await client.list(services)
  return {
    ips: items.flatMap(ipsOf).toSorted(),
    ports: items.flatMap(portsOf).toSorted((a, b) => a - b),
  }
}

/** What the store says is taken. */
export const allocated = async (cluster: TestCluster): Promise<Holdings> => ({
  ips: await allocatedIps(cluster.client),
  ports: await allocatedPorts(cluster),
})
