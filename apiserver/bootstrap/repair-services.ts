/** What a crash between two writes left behind: addresses and ports that no Service holds, and the reverse. */
import type { IPAddress, Service } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Resources } from '../registry/resources.ts'
import type { IpAllocator } from '../registry/services/ip-allocator.ts'
import type { NodePortAllocator } from '../registry/services/node-port-allocator.ts'
import { clusterIpsOf, nodePortsOf } from '../registry/services/service-spec.ts'

/** Another server may just have claimed an address for a Service that it has not stored yet. */
const graceMs = 60_000

export interface RepairOptions {
  readonly resources: Resources
  readonly ips: IpAllocator
  readonly ports: NodePortAllocator
  readonly clock: Clock
  readonly log: Logger
}

export const repairServices = async ({ resources, ips, ports, clock, log }: RepairOptions): Promise<void> => {
  const services = resources.get({ group: '', version: 'v1', resource: 'services' }).store
  const addresses = resources.get({ group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses' }).store
  await Promise.all([services.consistent(), addresses.consistent()])
  const all = (): Service[] => [...services.cache.values()].map(({ object }) => object as Service)

  const inUse = new Map(all().flatMap((service) => clusterIpsOf(service.spec).map((ip) => [ip, service] as const)))
  for (const [ip, service] of inUse) {
    if (addresses.cache.get(ip) === undefined) await ips.allocate(ip, service, false)
  }
  for (const { object } of addresses.cache.range()) {
    const { metadata } = object as IPAddress
    if (metadata?.labels?.['ipaddress.kubernetes.io/managed-by'] !== 'ipallocator.k8s.io') continue
    const age = clock.now() - Date.parse(metadata.creationTimestamp ?? '')
    if (inUse.has(metadata.name ?? '') || age < graceMs) continue
    log.info({ ip: metadata.name }, 'releasing a cluster IP that no Service holds')
    await ips.release(metadata.name ?? '')
  }
  await ports.repair(() => new Set(all().flatMap((service) => nodePortsOf(service.spec))))
}
