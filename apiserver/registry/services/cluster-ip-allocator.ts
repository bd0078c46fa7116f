/**
 * Cluster IPs. Each is claimed by an IPAddress object of its name: creation is atomic in the store, so that several
 * API servers never give the same address twice, and what is taken survives restarts. Which addresses there are is
 * said by the ServiceCIDR objects, read from the watch cache at each allocation: one that is ready is used at once,
 * one that is being deleted no longer. Upstream: pkg/registry/core/service/ipallocator (MultiCIDRServiceAllocator)
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { parseIp, ipText } from '../../../api/meta/cidr.ts'
import { isReason } from '../../../api/meta/status-error.ts'
import {
  allocatorName,
  familyLabel,
  familyOf,
  type IpFamily,
  isAllocatable,
  isAllocated,
  managedByLabel,
  rangesOf,
} from '../../../api/networking/service-ranges.ts'
import type { IPAddress, KubeObject, ServiceCIDR } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { randomBelow } from '../../../component-base/random.ts'
import { createObject } from '../create.ts'
import { trackSystemWrite } from '../field-manager.ts'
import type { Resource } from '../resource.ts'
import type { RangeUse, Scope, ServiceMetrics } from './metrics.ts'
import { addressText, candidates, type IpRange, ipRangeOf, networkText } from './ip-range.ts'

export type AllocateResult =
  | { readonly type: 'allocated'; readonly ip: string }
  | { readonly type: 'taken' }
  /** No range that may be used holds the address. */
  | { readonly type: 'mismatch' }
  | { readonly type: 'full' }

export interface ClusterIpAllocatorOptions {
  /** Of `--service-cluster-ip-range`: they say which families the cluster has, and which is the default. */
  readonly flagRanges: readonly [IpRange, ...IpRange[]]
  readonly addresses: Resource
  readonly serviceCidrs: Resource
  readonly clock: Clock
  readonly metrics: ServiceMetrics
}

/** Addresses looked at between two turns of the event loop. */
const stride = 2048

/** The Service that an address is for. */
export const parentRefOf = ({ metadata }: KubeObject): NonNullable<NonNullable<IPAddress['spec']>['parentRef']> => ({
  resource: 'services',
  namespace: metadata?.namespace ?? '',
  name: metadata?.name ?? '',
})

/** The IPAddress that holds `ip`, in canonical form, for the Service. */
export const addressFor = (ip: string, service: KubeObject): IPAddress => ({
  kind: 'IPAddress',
  apiVersion: 'networking.k8s.io/v1',
  metadata: {
    name: ip,
    labels: { [familyLabel]: familyOf(parseIp(ip) ?? { family: 4 }), [managedByLabel]: allocatorName },
  },
  spec: { parentRef: parentRefOf(service) },
})

/** The name of the IPAddress of an address that a client may have written in another way. */
export const canonicalIp = (ip: string): string => {
  const parsed = parseIp(ip)
  return parsed === undefined ? ip : ipText(parsed.family, parsed.address)
}

const holds = ({ first, last }: IpRange, address: bigint): boolean => address >= first && address <= last

export class ClusterIpAllocator {
  /** Families of this cluster, the default one first. */
  readonly families: readonly IpFamily[]
  readonly flagRanges: readonly [IpRange, ...IpRange[]]
  readonly #addresses: Resource
  readonly #serviceCidrs: Resource
  readonly #clock: Clock
  readonly #metrics: ServiceMetrics
  readonly #rangesOf = new WeakMap<KubeObject, readonly IpRange[]>()

  constructor({ flagRanges, addresses, serviceCidrs, clock, metrics }: ClusterIpAllocatorOptions) {
    this.flagRanges = flagRanges
    this.families = flagRanges.map(({ family }) => family)
    this.#addresses = addresses
    this.#serviceCidrs = serviceCidrs
    this.#clock = clock
    this.#metrics = metrics
    metrics.watchRanges(() => this.#use())
  }

  /** Claims this address for the Service; a dry run only looks whether a range holds it. */
  async allocate(ip: string, service: KubeObject, dryRun: boolean): Promise<AllocateResult> {
    const parsed = parseIp(ip)
    if (parsed === undefined) return { type: 'mismatch' }
    const family = familyOf(parsed)
    return this.#twice('mismatch', async () => {
      const range = this.#ranges(family).find((candidate) => holds(candidate, parsed.address))
      if (range === undefined) return { type: 'mismatch' }
      if (dryRun) return { type: 'allocated', ip }
      const startedAt = performance.now()
      const name = ipText(parsed.family, parsed.address)
      if (await this.claim(name, service)) return this.#allocated(ip, range, 'static', startedAt)
      this.#metrics.ipRefused(range.text, 'static')
      return { type: 'taken' }
    })
  }

  /** Claims any free address of the family; a dry run gets the network's own address, as upstream's. */
  async allocateNext(family: IpFamily, service: KubeObject, dryRun: boolean): Promise<AllocateResult> {
    return this.#twice('full', async () => {
      const { cache } = this.#addresses.store
      for (const range of this.#ranges(family)) {
        if (dryRun) return { type: 'allocated', ip: networkText(range) }
        let looked = 0
        const startedAt = performance.now()
        for (const address of candidates(range, randomBelow)) {
          if (++looked % stride === 0) await immediate()
          const ip = addressText(range, address)
          if (cache.get(ip) !== undefined) continue
          if (await this.claim(ip, service)) return this.#allocated(ip, range, 'dynamic', startedAt)
        }
        this.#metrics.ipRefused(range.text, 'dynamic')
      }
      return { type: 'full' }
    })
  }

  /** Gives the address back, unless another Service holds it. */
  async release(ip: string, service: KubeObject): Promise<void> {
    const { namespace, name } = parentRefOf(service)
    await this.#addresses.store
      .update(canonicalIp(ip), (current) => {
        const parent = (current as IPAddress | undefined)?.spec?.parentRef
        const ours = parent?.resource === 'services' && parent.namespace === namespace && parent.name === name
        return ours ? { type: 'delete' } : { type: 'keep' }
      })
      .catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
  }

  /** Makes the IPAddress; false if it exists. `ip` is in canonical form. */
  async claim(ip: string, service: KubeObject): Promise<boolean> {
    const address = addressFor(ip, service)
    trackSystemWrite(this.#addresses, undefined, address, this.#clock.now())
    try {
      await createObject(this.#addresses, address, {
        dryRun: false,
        clock: this.#clock,
        validating: async () => {},
      })
      return true
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return false
      throw error
    }
  }

  #allocated(ip: string, { text }: IpRange, scope: Scope, startedAt: number): AllocateResult {
    this.#metrics.ipAllocated(text, scope, (performance.now() - startedAt) / 1000)
    return { type: 'allocated', ip }
  }

  #use(): RangeUse[] {
    const taken = [...this.#addresses.store.cache.values()].flatMap(({ object }) =>
      isAllocated(object as IPAddress) ? (parseIp(object.metadata?.name ?? '') ?? []) : [],
    )
    return this.families.flatMap((family) =>
      this.#ranges(family).map((range) => {
        const allocated = taken.filter((ip) => familyOf(ip) === family && holds(range, ip.address)).length
        return { cidr: range.text, allocated, available: Number(range.last - range.first + 1n) - allocated }
      }),
    )
  }

  /** Tries with the caches as they are; a refusal is only believed when they are as new as the store. */
  async #twice(refusal: 'mismatch' | 'full', attempt: () => Promise<AllocateResult>): Promise<AllocateResult> {
    await Promise.all([this.#addresses.store.cache.ready(), this.#serviceCidrs.store.cache.ready()])
    const result = await attempt()
    if (result.type !== refusal) return result
    await Promise.all([this.#addresses.store.consistent(), this.#serviceCidrs.store.consistent()])
    return attempt()
  }

  /** Ranges from which addresses may be taken now, each once. */
  #ranges(family: IpFamily): readonly IpRange[] {
    const ranges = new Map<string, IpRange>()
    for (const { object } of this.#serviceCidrs.store.cache.values()) {
      const serviceCidr = object as ServiceCIDR
      if (!isAllocatable(serviceCidr)) continue
      for (const range of this.#parsed(serviceCidr)) if (range.family === family) ranges.set(range.text, range)
    }
    return [...ranges.values()]
  }

  #parsed(serviceCidr: ServiceCIDR): readonly IpRange[] {
    const known = this.#rangesOf.get(serviceCidr)
    if (known !== undefined) return known
    const ranges = rangesOf(serviceCidr).flatMap((cidr) => ipRangeOf(cidr) ?? [])
    this.#rangesOf.set(serviceCidr, ranges)
    return ranges
  }
}
