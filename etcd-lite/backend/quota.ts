/** The space quota: when the store outgrows it an alarm stops puts until space is freed and the alarm is disarmed. */
import { alarmType } from '../../component-base/etcd/maintenance-messages.ts'
import { etcdError } from '../mvcc/errors.ts'
import { metaKey, sealed, unsealed } from '../mvcc/records.ts'
import type { Backend } from './backend.ts'

/** etcd's default of --quota-backend-bytes when it is 0. */
const defaultQuotaBytes = 2 * 1024 * 1024 * 1024
const alarmsKey = metaKey('alarms')
/** The size is asked for anew after this much was written. */
const askEveryBytes = 8 << 20

export class Alarms {
  readonly #backend: Backend
  readonly #active = new Set<number>()

  constructor(backend: Backend) {
    this.#backend = backend
    const record = backend.getSync(alarmsKey)
    if (record !== undefined) for (const alarm of unsealed(record)) this.#active.add(alarm)
  }

  get active(): readonly number[] {
    return [...this.#active].toSorted((a, b) => a - b)
  }

  has(alarm: number): boolean {
    return this.#active.has(alarm)
  }

  async activate(alarm: number): Promise<void> {
    if (this.#active.has(alarm)) return
    this.#active.add(alarm)
    await this.#save()
  }

  async deactivate(alarm: number): Promise<boolean> {
    if (!this.#active.delete(alarm)) return false
    await this.#save()
    return true
  }

  #save(): Promise<void> {
    return this.#backend.commit([{ type: 'put', key: alarmsKey, value: sealed(Uint8Array.from(this.active)) }], {
      sync: true,
    })
  }
}

export interface QuotaOptions {
  readonly backend: Backend
  readonly alarms: Alarms
  /** 0 is etcd's default; a negative number is no quota. */
  readonly quotaBytes: number
  readonly onExceeded: (sizeBytes: number) => void
}

export class SpaceQuota {
  readonly #options: QuotaOptions
  readonly #limit: number
  #unasked = 0

  constructor(options: QuotaOptions) {
    this.#options = options
    this.#limit = options.quotaBytes === 0 ? defaultQuotaBytes : options.quotaBytes
  }

  /** Throws etcd's error while the alarm is active. */
  check(): void {
    if (this.#options.alarms.has(alarmType.noSpace)) throw etcdError('noSpace')
  }

  /** Counts what was written; looks at the disk now and then. */
  wrote(bytes: number): void {
    if (this.#limit < 0) return
    this.#unasked += bytes
    // Near the limit of a small quota the store is looked at more often.
    if (this.#unasked < Math.min(askEveryBytes, this.#limit / 16)) return
    this.#unasked = 0
    const { backend, alarms, onExceeded } = this.#options
    backend
      .sizeBytes()
      .then(async (size) => {
        if (size <= this.#limit || alarms.has(alarmType.noSpace)) return
        onExceeded(size)
        await alarms.activate(alarmType.noSpace)
      })
      .catch(() => {}) // a store that cannot be asked fails by its writes
  }
}
