/**
 * What crashes and people leave behind: addresses and ports that no Service holds, and Services whose addresses or
 * ports nobody has noted. Each API server looks every three minutes; what two of them mend at once is mended once.
 * Upstream: the repair controllers of ipallocator and portallocator.
 */
import { isReason } from '../../api/meta/status-error.ts'
import type { IPAddress, Service, ServiceCIDR } from '../../api/types.ts'
import { type Clock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Resources } from '../registry/resources.ts'
import { canonicalIp, type ClusterIpAllocator } from '../registry/services/cluster-ip-allocator.ts'
import type { RepairError, ServiceMetrics } from '../registry/services/metrics.ts'
import type { NodePortAllocator } from '../registry/services/node-port-allocator.ts'
import { clusterIpsOf } from '../registry/services/service-spec.ts'
import type { ResourceStore } from '../storage/resource-store.ts'
import { type Leaks, planNodePorts } from './node-port-plan.ts'
import { type IpRepair, planIpRepairs } from './service-ip-plan.ts'
import { createWarn, type Warn } from './system-events.ts'

export interface RepairOptions {
  readonly resources: Resources
  readonly ips: ClusterIpAllocator
  readonly ports: NodePortAllocator
  readonly metrics: ServiceMetrics
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs: number
  /** Age in milliseconds from which an address without Service was leaked. */
  readonly graceMs: number
}

interface Stores {
  readonly services: ResourceStore
  readonly addresses: ResourceStore
  readonly serviceCidrs: ResourceStore
}

const storesOf = (resources: Resources): Stores => {
  const networking = (resource: string) => resources.get({ group: 'networking.k8s.io', version: 'v1', resource }).store
  return {
    services: resources.get({ group: '', version: 'v1', resource: 'services' }).store,
    addresses: networking('ipaddresses'),
    serviceCidrs: networking('servicecidrs'),
  }
}

/** True if the Service is there, now, with that address. */
const isHeld = async ({ services }: Stores, service: Service, ip: string): Promise<boolean> => {
  const entry = await services.getLive(`${service.metadata?.namespace}/${service.metadata?.name}`)
  return entry !== undefined && clusterIpsOf((entry.object as Service).spec).some((own) => canonicalIp(own) === ip)
}

/** Removes that very object; false if it is gone or another one. */
const removeAddress = async ({ addresses }: Stores, address: IPAddress): Promise<boolean> => {
  const name = address.metadata?.name ?? ''
  try {
    const { type } = await addresses.update(name, (current) =>
      current?.metadata?.uid === address.metadata?.uid ? { type: 'delete' } : { type: 'keep' },
    )
    return type === 'deleted'
  } catch (error) {
    if (isReason(error, 'NotFound')) return false
    throw error
  }
}

const repairIp = async (repair: IpRepair, stores: Stores, { ips, log }: RepairOptions, warn: Warn): Promise<void> => {
  switch (repair.type) {
    case 'tell':
      return warn(repair.warning)
    case 'claim':
      if (!(await isHeld(stores, repair.service, repair.ip))) return
      if (await ips.claim(repair.ip, repair.service)) await warn(repair.warning)
      return
    case 'replace': {
      const ip = repair.address.metadata?.name ?? ''
      if (!(await isHeld(stores, repair.service, ip)) || !(await removeAddress(stores, repair.address))) return
      await ips.claim(ip, repair.service)
      if (repair.warning !== undefined) await warn(repair.warning)
      return
    }
    case 'release':
      if (!(await removeAddress(stores, repair.address))) return
      log.info({ ip: repair.address.metadata?.name, why: repair.warning.message }, 'released a cluster IP')
      return warn(repair.warning)
  }
}

const objectsIn = <T>({ cache }: ResourceStore): T[] => [...cache.values()].map(({ object }) => object as T)

const errorOf = (repair: IpRepair): RepairError => {
  if (repair.type === 'release') return 'leak'
  if (repair.type !== 'tell') return 'repair'
  switch (repair.warning.reason) {
    case 'ClusterIPOutOfRange':
      return 'outOfRange'
    case 'ClusterIPAlreadyAllocated':
      return 'duplicate'
    default:
      return 'invalid'
  }
}

const repairIps = async (stores: Stores, options: RepairOptions, warn: Warn): Promise<void> => {
  const { services, addresses, serviceCidrs } = stores
  await addresses.consistent()
  const before = objectsIn<IPAddress>(addresses)
  await Promise.all([services.consistent(), serviceCidrs.consistent()])
  const known = new Map([...services.cache.values()].map(({ key, object }) => [key, object as Service]))
  await addresses.consistent()
  const repairs = planIpRepairs({
    services: known,
    serviceCidrs: objectsIn<ServiceCIDR>(serviceCidrs),
    addressOf: (ip) => addresses.cache.get(ip)?.object as IPAddress | undefined,
    addresses: before,
    nowMs: options.clock.now(),
    graceMs: options.graceMs,
  })
  for (const repair of repairs) {
    options.metrics.ipError(errorOf(repair))
    await repairIp(repair, stores, options, warn)
  }
}

/** One round; returns what looks leaked, for the next. */
const repairPorts = async (stores: Stores, options: RepairOptions, leaks: Leaks, warn: Warn): Promise<Leaks> => {
  const { ports } = options
  let plan = planNodePorts(new Set(), [], leaks, ports)
  await ports.rebuild(async (used) => {
    await stores.services.consistent()
    plan = planNodePorts(used, objectsIn<Service>(stores.services), leaks, ports)
    return plan.used
  })
  for (const error of plan.errors) options.metrics.portError(error)
  for (const warning of plan.warnings) await warn(warning)
  return plan.leaks
}

export interface Repairs {
  /** The first round; throws what it could not do. */
  readonly first: () => Promise<void>
  /** All later rounds, until the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

export const createRepairs = (options: RepairOptions): Repairs => {
  const { resources, metrics, clock, log, intervalMs } = options
  const stores = storesOf(resources)
  const events = { events: resources.get({ group: '', version: 'v1', resource: 'events' }), clock, log }
  const warnOfIps = createWarn('ipallocator-repair-controller', events)
  const warnOfPorts = createWarn('portallocator-repair-controller', events)
  let leaks: Leaks = new Map()
  const counted = async <T>(what: 'ips' | 'ports', work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      metrics.repairFailed(what)
      throw error
    }
  }
  const round = async (): Promise<void> => {
    await counted('ips', repairIps(stores, options, warnOfIps))
    leaks = await counted('ports', repairPorts(stores, options, leaks, warnOfPorts))
  }
  return {
    first: round,
    run: async (signal) => {
      while (!signal.aborted) {
        await sleep(intervalMs, signal, clock).catch(() => {})
        if (signal.aborted) return
        await round().catch((err: unknown) => log.warn({ err }, 'cannot check the addresses and ports of Services'))
      }
    },
  }
}
