/** What happens around writes of Services: cluster IPs, IP families and node ports. Upstream: pkg/registry/core/service/storage */
import { child, type FieldError, invalid, invalidObject } from '../../../api/meta/field-error.ts'
import { internalError } from '../../../api/meta/status-error.ts'
import type { KubeObject, Service } from '../../../api/types.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { Reservation, ResourceHooks } from '../resource.ts'
import type { IpAllocator } from './ip-allocator.ts'
import type { NodePortAllocator } from './node-port-allocator.ts'
import {
  alignClusterIps,
  clusterIpsOf,
  dropTypeDependent,
  inheritAllocated,
  isHeadless,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePort,
  nodePortsOf,
  specOf,
} from './service-spec.ts'

export interface Allocators {
  readonly ips: IpAllocator
  readonly ports: NodePortAllocator
  readonly log: Logger
}

const serviceGk = { group: '', kind: 'Service' }

/** Collects what has been taken, to give back what was taken before the first failure. */
class Claims implements Reservation {
  readonly ips: string[] = []
  readonly ports: number[] = []
  readonly #allocators: Allocators
  readonly #onCommit: () => Promise<void>

  constructor(allocators: Allocators, onCommit: () => Promise<void> = async () => {}) {
    this.#allocators = allocators
    this.#onCommit = onCommit
  }

  commit(): void {
    this.#later(this.#onCommit())
  }

  rollback(): void {
    const { ips, ports } = this.#allocators
    this.#later(Promise.all([...this.ips.map((ip) => ips.release(ip)), ports.release(this.ports)]))
  }

  /** Not waited for: the answer is decided. What fails here is found by the repair at the next start. */
  #later(work: Promise<unknown>): void {
    work.catch((err: unknown) => this.#allocators.log.warn({ err }, 'cannot release addresses or ports of a Service'))
  }
}

const refuse = (service: Service, error: FieldError): never => {
  throw invalidObject(serviceGk, service.metadata?.name ?? '', [error])
}

/** This cluster has one family. */
const setFamilies = (service: Service): void => {
  const spec = specOf(service)
  if (!needsClusterIp(spec)) return
  const selectorless = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0
  if (!selectorless) {
    const bad = (spec.ipFamilies ?? []).findIndex((family) => family !== 'IPv4')
    if (bad >= 0)
      refuse(
        service,
        invalid(child('spec', 'ipFamilies', bad), spec.ipFamilies?.[bad], 'not configured on this cluster'),
      )
    if (spec.ipFamilyPolicy === 'RequireDualStack') {
      refuse(
        service,
        invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'),
      )
    }
  }
  spec.ipFamilies ??= ['IPv4']
  spec.ipFamilyPolicy ??= 'SingleStack'
}

const claimClusterIp = async (
  service: Service,
  allocators: Allocators,
  claims: Claims,
  dryRun: boolean,
): Promise<void> => {
  const spec = specOf(service)
  const [wanted] = clusterIpsOf(spec)
  const result =
    wanted === undefined
      ? await allocators.ips.allocateNext(service, dryRun)
      : await allocators.ips.allocate(wanted, service, dryRun)
  switch (result.type) {
    case 'allocated':
      if (!dryRun) claims.ips.push(result.ip)
      spec.clusterIP = result.ip
      spec.clusterIPs = [result.ip]
      return
    case 'taken':
      return refuse(
        service,
        invalid(
          'spec.clusterIPs',
          spec.clusterIPs,
          `failed to allocate IP ${wanted}: provided IP is already allocated`,
        ),
      )
    case 'out-of-range':
      return refuse(
        service,
        invalid(
          'spec.clusterIPs',
          spec.clusterIPs,
          `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${allocators.ips.range.text}`,
        ),
      )
    case 'full':
      throw internalError('failed to allocate a serviceIP: range is full')
  }
}

interface PortClaim {
  readonly wanted: number
  readonly field: string
  readonly dryRun: boolean
}

const claimPort = async (
  service: Service,
  allocators: Allocators,
  claims: Claims,
  claim: PortClaim,
): Promise<number> => {
  const { wanted, field, dryRun } = claim
  if (dryRun) return wanted
  const result = wanted === 0 ? await allocators.ports.allocateNext() : await allocators.ports.allocate(wanted)
  switch (result.type) {
    case 'allocated':
      claims.ports.push(result.port)
      return result.port
    case 'taken':
      return refuse(service, invalid(field, wanted, 'provided port is already allocated'))
    case 'out-of-range': {
      const { first, last } = allocators.ports.range
      return refuse(
        service,
        invalid(field, wanted, `provided port is not in the valid range. The range of valid ports is ${first}-${last}`),
      )
    }
    case 'full':
      throw internalError('failed to allocate a nodePort: range is full')
  }
}

/** Claims ports that the Service does not own yet. One number may serve several protocols. */
const claimNodePorts = async (
  service: Service,
  owned: readonly number[],
  allocators: Allocators,
  claims: Claims,
  dryRun: boolean,
): Promise<void> => {
  const spec = specOf(service)
  const mine = new Set(owned)
  const byPort = new Map<number, number>()
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const wanted = port.nodePort ?? 0
    const shared = byPort.get(port.port)
    if (wanted === 0 && shared !== undefined) {
      port.nodePort = shared
    } else if (wanted === 0 || !mine.has(wanted)) {
      const got = await claimPort(service, allocators, claims, {
        wanted,
        field: `spec.ports[${index}].nodePort`,
        dryRun,
      })
      if (got !== 0) port.nodePort = got
    }
    const now = port.nodePort ?? 0
    if (now !== 0) {
      mine.add(now)
      byPort.set(port.port, now)
    }
  }
}

const claimAll = async (
  service: Service,
  old: Service | undefined,
  allocators: Allocators,
  claims: Claims,
  dryRun: boolean,
): Promise<void> => {
  const spec = specOf(service)
  setFamilies(service)
  if (needsClusterIp(spec)) {
    if (isHeadless(spec)) spec.clusterIPs = ['None']
    else {
      const before = clusterIpsOf(old?.spec)
      const now = clusterIpsOf(spec)
      if (now.length === 0 || now.some((ip) => !before.includes(ip)))
        await claimClusterIp(service, allocators, claims, dryRun)
    }
  }
  const owned = nodePortsOf(old?.spec)
  if (needsNodePort(spec) || (spec.type === 'LoadBalancer' && nodePortsOf(spec).length > 0)) {
    await claimNodePorts(service, owned, allocators, claims, dryRun)
  }
  const health = spec.healthCheckNodePort ?? 0
  if (needsHealthCheckPort(spec) && (health === 0 || !owned.includes(health))) {
    const got = await claimPort(service, allocators, claims, {
      wanted: health,
      field: 'spec.healthCheckNodePort',
      dryRun,
    })
    if (got !== 0) spec.healthCheckNodePort = got
  }
}

/** What the old Service held and the new one does not. */
const releaseRest = async (old: Service, now: Service | undefined, { ips, ports }: Allocators): Promise<void> => {
  const keptIps = clusterIpsOf(now?.spec)
  const keptPorts = nodePortsOf(now?.spec)
  const goneIps = clusterIpsOf(old.spec).filter((ip) => !keptIps.includes(ip))
  await Promise.all([
    ...goneIps.map((ip) => ips.release(ip)),
    ports.release(nodePortsOf(old.spec).filter((port) => !keptPorts.includes(port))),
  ])
}

const claimed = async (claims: Claims, work: () => Promise<void>): Promise<Reservation> => {
  try {
    await work()
    return claims
  } catch (error) {
    claims.rollback()
    throw error
  }
}

export const serviceHooks = (allocators: Allocators): ResourceHooks => ({
  prepareForCreate: (object: KubeObject) => alignClusterIps(specOf(object as Service), undefined),
  prepareForUpdate: (object: KubeObject, old: KubeObject) => {
    const spec = specOf(object as Service)
    const before = (old as Service).spec ?? {}
    alignClusterIps(spec, before)
    inheritAllocated(spec, before)
    dropTypeDependent(spec, before)
  },
  beginCreate: (object, dryRun) => {
    const claims = new Claims(allocators)
    return claimed(claims, () => claimAll(object as Service, undefined, allocators, claims, dryRun))
  },
  beginUpdate: (object, old, dryRun) => {
    const service = object as Service
    const before = old as Service
    const claims = new Claims(allocators, () => (dryRun ? Promise.resolve() : releaseRest(before, service, allocators)))
    return claimed(claims, () => claimAll(service, before, allocators, claims, dryRun))
  },
  afterDelete: (object) => {
    releaseRest(object as Service, undefined, allocators).catch((err: unknown) =>
      allocators.log.warn({ err }, 'cannot release addresses or ports of a deleted Service'),
    )
  },
})
