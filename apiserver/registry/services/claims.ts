/** What one write of a Service has taken, and what it will let go: kept or given back, as the write ends. */
import { invalidObject, type FieldError } from '../../../api/meta/field-error.ts'
import type { StatusError } from '../../../api/meta/status-error.ts'
import type { Service } from '../../../api/types.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { Reservation } from '../resource.ts'
import type { ClusterIpAllocator } from './cluster-ip-allocator.ts'
import type { NodePortAllocator } from './node-port-allocator.ts'

export interface Allocators {
  readonly ips: ClusterIpAllocator
  readonly ports: NodePortAllocator
  readonly log: Logger
}

/** Better leaked than given twice: claims are made at once, releases wait until the write is done. */
export class Claims implements Reservation {
  readonly service: Service
  readonly dryRun: boolean
  readonly allocators: Allocators
  readonly #ips: string[] = []
  readonly #ports: number[] = []
  readonly #goneIps: string[] = []
  readonly #gonePorts: number[] = []

  constructor(service: Service, allocators: Allocators, dryRun: boolean) {
    this.service = service
    this.allocators = allocators
    this.dryRun = dryRun
  }

  /** Ports that this write has claimed, or would have. */
  get ports(): readonly number[] {
    return this.#ports
  }

  tookIp(ip: string): void {
    this.#ips.push(ip)
  }

  tookPort(port: number): void {
    this.#ports.push(port)
  }

  releaseLater({
    ips = [],
    ports = [],
  }: {
    readonly ips?: readonly string[]
    readonly ports?: readonly number[]
  }): void {
    this.#goneIps.push(...ips)
    this.#gonePorts.push(...ports)
  }

  commit(): Promise<void> {
    return this.#release(this.#goneIps, this.#gonePorts)
  }

  rollback(): Promise<void> {
    return this.#release(this.#ips, this.#ports)
  }

  async #release(ips: readonly string[], ports: readonly number[]): Promise<void> {
    if (!this.dryRun) await releaseAll(this.service, { ips, ports }, this.allocators)
  }
}

/** Gives back; what fails is logged and left to the repair, as the answer is decided already. */
export const releaseAll = async (
  service: Service,
  { ips, ports }: { readonly ips: readonly string[]; readonly ports: readonly number[] },
  allocators: Allocators,
): Promise<void> => {
  try {
    await Promise.all([...ips.map((ip) => allocators.ips.release(ip, service)), allocators.ports.release(ports)])
  } catch (err) {
    const { namespace, name } = service.metadata ?? {}
    allocators.log.warn({ err, service: `${namespace}/${name}` }, 'cannot release addresses or ports of a Service')
  }
}

/** The refusal of a Service for these errors. */
export const invalidService = (service: Service, errors: readonly FieldError[]): StatusError =>
  invalidObject({ group: '', kind: 'Service' }, service.metadata?.name ?? '', errors)
