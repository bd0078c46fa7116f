/**
 * What happens around writes of Services: families, cluster IPs and node ports are settled before validation sees the
 * object, and given back if the write fails. Upstream: pkg/registry/core/service/storage.
 */
import { keepAllocated, normalizeClusterIps } from '../../../api/core/service-addresses.ts'
import type { IpFamily } from '../../../api/networking/service-ranges.ts'
import { isReason } from '../../../api/meta/status-error.ts'
import type { Service } from '../../../api/types.ts'
import { realClock } from '../../../component-base/clock.ts'
import { deleteObject } from '../delete.ts'
import type { Reservation, Resource, ResourceHooks } from '../resource.ts'
import { type Allocators, Claims, invalidService, releaseAll } from './claims.ts'
import { claimClusterIps, updateClusterIps } from './cluster-ips.ts'
import { setIpFamilies } from './ip-families.ts'
import { claimNodePorts, updateNodePorts } from './node-ports.ts'
import { clusterIpsOf, nodePortsOf, specOf, type ServiceSpec } from './service-spec.ts'

const settleFamilies = (service: Service, old: ServiceSpec | undefined, { ips }: Allocators): void => {
  const [primary, ...others] = ips.flagRanges
  const cluster: readonly [IpFamily, ...IpFamily[]] = [primary.family, ...others.map(({ family }) => family)]
  const errors = setIpFamilies(specOf(service), old, cluster)
  if (errors.length > 0) throw invalidService(service, errors)
}

/** Gives back what was claimed before the first failure. */
const claiming = async (claims: Claims, work: () => Promise<void>): Promise<Reservation> => {
  try {
    await work()
    return claims
  } catch (error) {
    await claims.rollback()
    throw error
  }
}

const beginCreate = (service: Service, allocators: Allocators, dryRun: boolean): Promise<Reservation> => {
  const spec = specOf(service)
  const claims = new Claims(service, allocators, dryRun)
  return claiming(claims, async () => {
    normalizeClusterIps(spec, undefined)
    settleFamilies(service, undefined, allocators)
    await claimClusterIps(claims, spec)
    await claimNodePorts(claims, spec)
  })
}

const beginUpdate = (service: Service, old: Service, allocators: Allocators, dryRun: boolean): Promise<Reservation> => {
  const [spec, before] = [specOf(service), old.spec ?? {}]
  const claims = new Claims(service, allocators, dryRun)
  return claiming(claims, async () => {
    keepAllocated(spec, before)
    normalizeClusterIps(spec, before)
    settleFamilies(service, before, allocators)
    await updateClusterIps(claims, spec, before)
    await updateNodePorts(claims, spec, before)
  })
}

/** The endpoints controller may lag behind: a new Service of the same name must not find old endpoints. */
const deleteEndpoints = async ({ metadata }: Service, endpoints: Resource, { log }: Allocators): Promise<void> => {
  const { namespace = '', name = '' } = metadata ?? {}
  const options = { options: {}, dryRun: false, clock: realClock, validating: async () => {} }
  try {
    await deleteObject(endpoints, { namespace, name }, options)
  } catch (err) {
    if (isReason(err, 'NotFound')) return
    log.warn({ err, service: `${namespace}/${name}` }, 'cannot delete the Endpoints of a deleted Service')
  }
}

export const serviceHooks = (allocators: Allocators, endpoints: Resource): ResourceHooks => ({
  beginCreate: async (object, dryRun) => {
    // Without a name nothing can be claimed for it; validation says so.
    if ((object.metadata?.name ?? '') === '') return undefined
    return beginCreate(object as Service, allocators, dryRun)
  },
  beginUpdate: (object, old, dryRun) => beginUpdate(object as Service, old as Service, allocators, dryRun),
  afterDelete: async (object) => {
    const service = object as Service
    const held = { ips: clusterIpsOf(service.spec), ports: nodePortsOf(service.spec) }
    await Promise.all([releaseAll(service, held, allocators), deleteEndpoints(service, endpoints, allocators)])
  },
})
