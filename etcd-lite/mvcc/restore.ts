/** Start: the index is rebuilt from the index records, in revision order, and checked on the way. */
import type { Backend } from '../backend/backend.ts'
import { CorruptStoreError } from '../backend/corrupt.ts'
import { indexChecksum, Sum } from '../backend/tally.ts'
import type { LeaseRegistry } from './change.ts'
import type { KeyIndex } from './key-index.ts'
import { allIndexRecords, decodeIndexRecord, metaKey, revisionOfKey, sealed, unsealed } from './records.ts'
import type { Version } from './version.ts'

/** The revision of an empty store. */
const firstRevision = 1

export const compactedKey = metaKey('compacted')

export const encodeCompacted = (revision: number): { readonly key: Buffer; readonly value: Buffer } => {
  const payload = Buffer.alloc(8)
  payload.writeBigInt64BE(BigInt(revision))
  return { key: compactedKey, value: sealed(payload) }
}

/** The compacted revision of its record; 0 when there is none. */
export const decodeCompacted = (record: Buffer | undefined): number =>
  record === undefined ? 0 : Number(unsealed(record).readBigInt64BE())

const decode = (recordKey: Buffer, record: Buffer): { readonly key: string; readonly version: Version } => {
  try {
    return decodeIndexRecord(recordKey, record)
  } catch (err) {
    const { main, sub } = revisionOfKey(recordKey)
    throw new CorruptStoreError(`the record of revision ${main}.${sub} is damaged`, { cause: err })
  }
}

/**
 * Fills `index` and `leases`. After the compacted revision every revision must be there, with all its changes: a gap
 * means lost data, and the store must not be served.
 */
export const restoreIndex = async (
  backend: Backend,
  index: KeyIndex,
  leases: LeaseRegistry,
): Promise<{ readonly revision: number; readonly compacted: number; readonly records: Sum }> => {
  const records = new Sum()
  const compacted = decodeCompacted(backend.getSync(compactedKey))
  let last = { main: Math.max(compacted, firstRevision), sub: 0 }
  for await (const chunk of backend.scan(allIndexRecords)) {
    for (const [recordKey, record] of chunk) {
      const { key, version } = decode(recordKey, record)
      records.add(indexChecksum(recordKey, record))
      const { main, sub } = version
      if (main > compacted) {
        const follows = main === last.main ? sub === last.sub + 1 : main === last.main + 1 && sub === 0
        if (!follows) {
          throw new CorruptStoreError(`revision ${main}.${sub} follows ${last.main}.${last.sub}`)
        }
        last = { main, sub }
      }
      const { previous } = index.apply(key, version)
      if (previous !== undefined && previous.lease !== 0n) leases.detach(previous.lease, key)
      if (version.lease !== 0n) leases.attach(version.lease, key)
    }
  }
  return { revision: last.main, compacted, records }
}
