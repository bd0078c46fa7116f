/**
 * The space quota: a write that would take the store to the quota is refused and raises an alarm, which stops writes
 * until space is freed and the alarm is disarmed.
 *
 * The disk is not asked for every write. What it said last and what was written since is an upper bound: only when
 * that reaches the quota the disk is asked again, and the write waits for the answer.
 */
import type { PutRequest, TxnRequest } from '../../component-base/etcd/messages.ts'
import { alarmType } from '../../component-base/etcd/maintenance-messages.ts'
import { etcdError } from '../mvcc/errors.ts'
import type { Alarms } from './alarms.ts'
import type { Backend } from './backend.ts'

/** etcd's default of --quota-backend-bytes when it is 0. */
const defaultQuotaBytes = 2 * 1024 * 1024 * 1024
/** etcd's estimates of what is stored beside key and value. */
const leaseCostBytes = 64
const overheadBytes = 256

const costOfPut = ({ key, value }: PutRequest): number => overheadBytes + key.length + value.length

const costOfPuts = (ops: TxnRequest['success']): number =>
  ops.reduce(
    (sum, { requestPut, requestTxn }) =>
      sum +
      (requestPut === undefined ? 0 : costOfPut(requestPut)) +
      (requestTxn === undefined ? 0 : costOfTxn(requestTxn)),
    0,
  )

const costOfTxn = ({ success, failure }: TxnRequest): number => Math.max(costOfPuts(success), costOfPuts(failure))

/**
 * What a request costs of the quota, as etcd counts; 0 is a request that the quota never refuses. A transaction inside
 * a transaction counts too, which etcd forgets.
 */
export const quotaCost = {
  put: costOfPut,
  txn: costOfTxn,
  leaseGrant: leaseCostBytes,
} as const

export interface QuotaOptions {
  readonly backend: Backend
  readonly alarms: Alarms
  readonly memberId: bigint
  /** 0 is etcd's default; a negative number is no quota. */
  readonly quotaBytes: number
  readonly onExceeded: (sizeBytes: number) => void
}

export class SpaceQuota {
  readonly #options: QuotaOptions
  /** Negative: none. */
  readonly limitBytes: number
  /** What the disk said last. */
  #measured = 0
  #writtenSince = 0
  #inFlight = 0
  #measuring: Promise<void> | undefined

  private constructor(options: QuotaOptions) {
    this.#options = options
    this.limitBytes = options.quotaBytes === 0 ? defaultQuotaBytes : options.quotaBytes
  }

  static async create(options: QuotaOptions): Promise<SpaceQuota> {
    const quota = new SpaceQuota(options)
    await quota.#measure()
    return quota
  }

  /**
   * Runs a write of this cost. Throws etcd's error when there is no space for it, or while the alarm is active. Until
   * it is done it counts as written, so that many at once do not all see the same free space.
   */
  async run<T>(cost: number, write: () => Promise<T>): Promise<T> {
    if (cost === 0) return write()
    if (this.#options.alarms.has(alarmType.noSpace)) throw etcdError('noSpace')
    // Asked again afterwards: others may have waited for the same answer.
    while (!this.#fits(cost)) await this.#checkDisk(cost)
    this.#inFlight += cost
    try {
      return await write()
    } finally {
      this.#inFlight -= cost
    }
  }

  /** Counts what was written, whatever it was. */
  wrote(bytes: number): void {
    this.#writtenSince += bytes
  }

  #fits(cost: number): boolean {
    const used = this.#measured + this.#writtenSince + this.#inFlight
    return this.limitBytes < 0 || used + cost < this.limitBytes
  }

  async #checkDisk(cost: number): Promise<void> {
    await this.#measure()
    if (this.#fits(cost)) return
    const { alarms, memberId, onExceeded } = this.#options
    if (!alarms.has(alarmType.noSpace)) {
      onExceeded(this.#measured)
      await alarms.activate({ memberID: memberId, alarm: alarmType.noSpace })
    }
    throw etcdError('noSpace')
  }

  /** One measurement at a time, whoever waits for it. What is written meanwhile is counted on. */
  #measure(): Promise<void> {
    this.#measuring ??= (async () => {
      const before = this.#writtenSince
      this.#measured = await this.#options.backend.sizeBytes()
      this.#writtenSince -= before
    })().finally(() => {
      this.#measuring = undefined
    })
    return this.#measuring
  }
}
