/** Who has which devices: by the claims that the API server knows, and by allocations that are about to be written. */
import type { ResourceClaim } from '../../../api/types.ts'
import type { Informer } from '../../../client/cache/informer.ts'
import { isOlder } from '../volumes/assume-cache.ts'
import type { Allocation } from './allocation.ts'
import { uidOf } from './pod-resource-claims.ts'

/** Devices of an allocation that nobody else may have; administrators' access leaves them to others. */
const exclusiveDevices = (allocation: Allocation | undefined): string[] =>
  (allocation?.devices?.results ?? [])
    .filter(({ adminAccess }) => adminAccess !== true)
    .map(({ driver, pool, device }) => `${driver}/${pool}/${device}`)

interface Pending {
  readonly devices: readonly string[]
  /** The claim as it was written; undefined: it is not yet. */
  written: ResourceClaim | undefined
}

export class ClaimTracker {
  readonly #claims = new Map<string, readonly string[]>()
  readonly #pending = new Map<string, Pending>()
  /** How many claims have a device: more than one only for the moment in which informers lag behind. */
  readonly #users = new Map<string, number>()

  constructor(informer: Informer<ResourceClaim>) {
    informer.addHandler({
      onAdd: (claim) => this.#seen(claim),
      onUpdate: (_old, claim) => this.#seen(claim),
      onDelete: (claim) => this.#gone(claim),
    })
  }

  readonly isAllocated = (device: string): boolean => this.#users.has(device)

  isPending(claim: ResourceClaim): boolean {
    return this.#pending.has(uidOf(claim))
  }

  /** The claim gets this allocation; `settle` or `forget` ends it. */
  begin(claim: ResourceClaim, allocation: Allocation): void {
    this.forget(claim)
    const devices = exclusiveDevices(allocation)
    this.#pending.set(uidOf(claim), { devices, written: undefined })
    this.#count(devices, 1)
  }

  /** It is written: pending until the informer has it too. */
  settle(written: ResourceClaim, seen: ResourceClaim | undefined): void {
    const pending = this.#pending.get(uidOf(written))
    if (pending === undefined) return
    pending.written = written
    if (seen === undefined || !isOlder(seen, written)) this.forget(written)
  }

  forget(claim: ResourceClaim): void {
    const pending = this.#pending.get(uidOf(claim))
    if (pending === undefined) return
    this.#pending.delete(uidOf(claim))
    this.#count(pending.devices, -1)
  }

  #seen(claim: ResourceClaim): void {
    const uid = uidOf(claim)
    const devices = exclusiveDevices(claim.status?.allocation)
    this.#count(devices, 1)
    this.#count(this.#claims.get(uid) ?? [], -1)
    if (devices.length > 0) this.#claims.set(uid, devices)
    else this.#claims.delete(uid)
    const written = this.#pending.get(uid)?.written
    if (written !== undefined && !isOlder(claim, written)) this.forget(claim)
  }

  #gone(claim: ResourceClaim): void {
    this.#count(this.#claims.get(uidOf(claim)) ?? [], -1)
    this.#claims.delete(uidOf(claim))
    this.forget(claim)
  }

  #count(devices: readonly string[], by: 1 | -1): void {
    for (const device of devices) {
      const users = (this.#users.get(device) ?? 0) + by
      if (users > 0) this.#users.set(device, users)
      else this.#users.delete(device)
    }
  }
}
