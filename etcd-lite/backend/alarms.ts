/** Alarms: what stops writes until an operator disarms them. Kept as etcd keeps them, one for each member and type. */
import { AlarmMember, AlarmResponse, alarmType } from '../../component-base/etcd/maintenance-messages.ts'
import type { OutputOf } from '../../component-base/protobuf/message.ts'
import { etcdError } from '../mvcc/errors.ts'
import { metaKey, sealed, unsealed } from '../mvcc/records.ts'
import type { Backend, BackendOp } from './backend.ts'

export type Alarm = OutputOf<typeof AlarmMember>

const recordKey = metaKey('alarm members')

/** The record of alarms. */
export const putAlarms = (alarms: readonly Alarm[]): BackendOp => ({
  type: 'put',
  key: recordKey,
  value: sealed(AlarmResponse.encode({ alarms })),
})

export class Alarms {
  readonly #backend: Backend
  #active: readonly Alarm[]

  constructor(backend: Backend) {
    this.#backend = backend
    const record = backend.getSync(recordKey)
    this.#active = record === undefined ? [] : AlarmResponse.decode(unsealed(record)).alarms
  }

  /** Those of a type, or all. */
  list(type: number = alarmType.none): readonly Alarm[] {
    return type === alarmType.none ? this.#active : this.#active.filter(({ alarm }) => alarm === type)
  }

  has(type: number): boolean {
    return this.#active.some(({ alarm }) => alarm === type)
  }

  /** Throws etcd's error for writes while the store is said to be corrupt. */
  checkCorrupt(): void {
    if (this.has(alarmType.corrupt)) throw etcdError('corrupt')
  }

  async activate(alarm: Alarm): Promise<void> {
    if (this.#find(alarm) !== undefined) return
    await this.#save([...this.#active, alarm])
  }

  /** Returns the alarm, if it was there. */
  async deactivate(alarm: Alarm): Promise<Alarm | undefined> {
    const found = this.#find(alarm)
    if (found !== undefined) await this.#save(this.#active.filter((active) => active !== found))
    return found
  }

  #find(wanted: Alarm): Alarm | undefined {
    return this.#active.find(({ memberID, alarm }) => memberID === wanted.memberID && alarm === wanted.alarm)
  }

  /** In effect at once; resolves when it is on the disk. */
  #save(active: readonly Alarm[]): Promise<void> {
    this.#active = active
    return this.#backend.commit([putAlarms(active)], { sync: true })
  }
}
