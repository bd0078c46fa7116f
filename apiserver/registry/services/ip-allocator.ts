/**
 * Cluster IPs. Each is claimed by an IPAddress object of its name: creation is atomic in the store, so that several
 * API servers never give the same address twice, and what is taken survives restarts.
 * Upstream: pkg/registry/core/service/ipallocator (MultiCIDRServiceAllocator)
 */
import { isReason } from '../../../api/meta/status-error.ts'
import type { IPAddress, KubeObject } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { createObject } from '../create.ts'
import { trackSystemWrite } from '../field-manager.ts'
import type { Resource } from '../resource.ts'
import { addressAt, type IpRange, offsetOf, staticBandEnd } from './ip-range.ts'

export type AllocateResult =
  | { readonly type: 'allocated'; readonly ip: string }
  | { readonly type: 'taken' }
  | { readonly type: 'out-of-range' }
  | { readonly type: 'full' }

/** Random tries before the range is searched in order. */
const randomTries = 16

export class IpAllocator {
  readonly range: IpRange
  readonly #addresses: Resource
  readonly #clock: Clock

  constructor(range: IpRange, addresses: Resource, clock: Clock) {
    this.range = range
    this.#addresses = addresses
    this.#clock = clock
  }

  /** Claims this address for the Service. */
  async allocate(ip: string, service: KubeObject, dryRun: boolean): Promise<AllocateResult> {
    if (offsetOf(this.range, ip) === undefined) return { type: 'out-of-range' }
    return (await this.#claim(ip, service, dryRun)) ? { type: 'allocated', ip } : { type: 'taken' }
  }

  /** Claims any free address. */
  async allocateNext(service: KubeObject, dryRun: boolean): Promise<AllocateResult> {
    const { cache } = this.#addresses.store
    await cache.ready()
    for (const offset of this.#candidates()) {
      const ip = addressAt(this.range, offset)
      if (cache.get(ip) !== undefined) continue
      if (await this.#claim(ip, service, dryRun)) return { type: 'allocated', ip }
    }
    return { type: 'full' }
  }

  async release(ip: string): Promise<void> {
    await this.#addresses.store
      .update(ip, (current) => (current === undefined ? { type: 'keep' } : { type: 'delete' }))
      .catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
  }

  /** Random ones of the upper band, then all of it in order, then the lower band. */
  *#candidates(): Generator<number> {
    const { size } = this.range
    const band = staticBandEnd(this.range)
    const first = Math.max(band, 1)
    const upper = size - 1 - first
    for (let i = 0; i < randomTries && upper > 0; i++) yield first + Math.floor(Math.random() * upper)
    for (let offset = first; offset < size - 1; offset++) yield offset
    for (let offset = 1; offset < first; offset++) yield offset
  }

  async #claim(ip: string, service: KubeObject, dryRun: boolean): Promise<boolean> {
    const { namespace = '', name = '' } = service.metadata ?? {}
    const address: IPAddress = {
      kind: 'IPAddress',
      apiVersion: 'networking.k8s.io/v1',
      metadata: {
        name: ip,
        labels: {
          'ipaddress.kubernetes.io/ip-family': 'IPv4',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { group: '', resource: 'services', namespace, name } },
    }
    trackSystemWrite(this.#addresses, undefined, address, this.#clock.now())
    try {
      await createObject(this.#addresses, address, { dryRun, clock: this.#clock, validating: async () => {} })
      return true
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return false
      throw error
    }
  }
}
