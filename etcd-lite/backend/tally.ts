/**
 * What the store must hold: how many records there are, and the sum of their checksums. It is part of every commit, so
 * a start can tell whether LevelDB has lost, doubled or changed a record anywhere: in files it does not check when
 * reading, in a part of the log that it skipped, in a file that is gone.
 *
 * Values are not counted: there are too many bytes of them to be read at every start. Each has its own checksum, and
 * the index record written with it says that it must be there.
 */
import { crc32 } from 'node:zlib'
import type { BackendOp } from './backend.ts'
import { metaKey, recordChecksum, recordKind, sealed, unsealed } from '../mvcc/records.ts'

const uint32 = 2 ** 32
const payloadBytes = 40

/** A count of records and the sum of their checksums, keys included. The order in which they come is no matter. */
export class Sum {
  count = 0
  checksum = 0

  add(checksum: number): void {
    this.count++
    this.checksum = (this.checksum + checksum) % uint32
  }

  remove(checksum: number): void {
    this.count--
    this.checksum = (this.checksum - checksum + uint32) % uint32
  }

  equals(other: Sum): boolean {
    return this.count === other.count && this.checksum === other.checksum
  }
}

export const tallyKey = metaKey('tally')

/** The checksum of an index record with its key. */
export const indexChecksum = (key: Buffer, record: Buffer): number => crc32(key, recordChecksum(record))

export class Tally {
  /** Commits since the store was made. */
  commits = 0
  readonly index = new Sum()
  /** All but index and value records. */
  readonly others = new Sum()
  readonly #other = new Map<string, number>()

  static decode(record: Buffer): Tally {
    const tally = new Tally()
    const payload = unsealed(record)
    tally.commits = payload.readDoubleBE(0)
    tally.index.count = payload.readDoubleBE(8)
    tally.index.checksum = payload.readDoubleBE(16)
    tally.others.count = payload.readDoubleBE(24)
    tally.others.checksum = payload.readDoubleBE(32)
    return tally
  }

  /** Takes over a record that was found at the start. */
  found(key: Buffer, value: Buffer): void {
    if (!key.equals(tallyKey)) this.#setOther(key, value)
  }

  /** Counts a batch, and returns the record that must be written with it. */
  count(ops: readonly BackendOp[]): BackendOp {
    this.commits++
    for (const op of ops) {
      if (op.key[0] === recordKind.value) continue
      if (op.key[0] === recordKind.index) this.#countIndex(op)
      else this.#setOther(op.key, op.type === 'put' ? op.value : undefined)
    }
    const payload = Buffer.allocUnsafe(payloadBytes)
    payload.writeDoubleBE(this.commits, 0)
    payload.writeDoubleBE(this.index.count, 8)
    payload.writeDoubleBE(this.index.checksum, 16)
    payload.writeDoubleBE(this.others.count, 24)
    payload.writeDoubleBE(this.others.checksum, 32)
    return { type: 'put', key: tallyKey, value: sealed(payload) }
  }

  #countIndex(op: BackendOp): void {
    if (op.type === 'put') this.index.add(indexChecksum(op.key, op.value))
    else if (op.was !== undefined) this.index.remove(indexChecksum(op.key, op.was))
    else throw new Error('an index record can only be deleted by who knows what it was')
  }

  #setOther(key: Buffer, value: Buffer | undefined): void {
    const name = key.toString('latin1')
    const old = this.#other.get(name)
    if (old !== undefined) this.others.remove(old)
    if (value === undefined) {
      this.#other.delete(name)
      return
    }
    const checksum = crc32(value, crc32(key))
    this.#other.set(name, checksum)
    this.others.add(checksum)
  }
}
