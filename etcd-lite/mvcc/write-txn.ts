/**
 * One write transaction in progress: it changes the index at once and collects what has to go to the disk. All checks
 * that can refuse come before the first change, so it never has to be undone.
 */
import type { BackendOp } from '../backend/backend.ts'
import type { Change, LeaseRegistry } from './change.ts'
import type { KeyIndex } from './key-index.ts'
import type { KeyRange } from './key-range.ts'
import { encodeTombstone } from './key-value.ts'
import { encodeIndexRecord, encodeValueRecord, indexKey, valueKey } from './records.ts'
import { type KeyEntry, Version } from './version.ts'

export interface WriteTxnDeps {
  readonly index: KeyIndex
  readonly leases: LeaseRegistry
}

export class WriteTxn {
  readonly #deps: WriteTxnDeps
  /** The revision before this transaction. */
  readonly before: number
  readonly ops: BackendOp[] = []
  readonly changes: Change[] = []

  constructor(deps: WriteTxnDeps, before: number) {
    this.#deps = deps
    this.before = before
  }

  /** The revision that a read inside this transaction is made at: its own once it has changed something. */
  get revision(): number {
    return this.changes.length === 0 ? this.before : this.before + 1
  }

  /** Writes a key; returns its version before, if it existed. */
  put(key: string, value: Uint8Array, lease: bigint): Version | undefined {
    const old = this.#deps.index.get(key)?.head
    const existing = old === undefined || old.deleted ? undefined : old
    const main = this.before + 1
    const create = existing?.create ?? main
    const version = (existing?.version ?? 0) + 1
    this.#recordPut(key, value, { create, version, lease })
    if (existing?.lease !== lease) {
      if (existing !== undefined && existing.lease !== 0n) this.#deps.leases.detach(existing.lease, key)
      if (lease !== 0n) this.#deps.leases.attach(lease, key)
    }
    return existing
  }

  /** Deletes the keys of a range that exist; returns them as they were. */
  deleteRange(range: KeyRange): { readonly entry: KeyEntry; readonly version: Version }[] {
    const doomed: { entry: KeyEntry; version: Version }[] = []
    this.#deps.index.forEachAt(range, this.before + 1, (entry, version) => doomed.push({ entry, version }))
    for (const { entry, version } of doomed) {
      this.#record(entry.key, new Version(this.before + 1, this.changes.length, 0, 0, 0n, undefined))
      if (version.lease !== 0n) this.#deps.leases.detach(version.lease, entry.key)
    }
    return doomed
  }

  #recordPut(key: string, value: Uint8Array, next: { create: number; version: number; lease: bigint }): void {
    const main = this.before + 1
    const sub = this.changes.length
    const { record, bytes } = encodeValueRecord({ ...next, key, mod: main, value })
    this.ops.push({ type: 'put', key: valueKey(main, sub), value: record })
    this.#record(key, new Version(main, sub, next.create, next.version, next.lease, bytes))
  }

  #record(key: string, version: Version): void {
    const { main, sub } = version
    this.ops.push({ type: 'put', key: indexKey(main, sub), value: encodeIndexRecord(key, version) })
    const { entry } = this.#deps.index.apply(key, version)
    const bytes = version.bytes ?? encodeTombstone(key, main)
    this.changes.push({ entry, version, previous: entry.at(this.before), bytes })
  }
}
