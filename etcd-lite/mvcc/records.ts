/**
 * How the store lies in the backend.
 *
 *     m <name>            meta: cluster identity, compacted revision, alarms
 *     l <lease id: 8>     a lease: granted TTL in seconds
 *     r <main: 8> <sub: 4>   one change of one key, without the value: a restart rebuilds the index of these alone
 *     v <main: 8> <sub: 4>   the encoded KeyValue, if the change was not a deletion
 *     a <bucket: 1> <name>   auth: etcd's buckets auth (m), authUsers (u) and authRoles (r); see auth/records.ts
 *
 * Integers in keys are big-endian, so that records lie in revision order. Every value starts with the CRC-32 of the
 * rest: LevelDB does not verify its blocks when reading.
 */
import { crc32 } from 'node:zlib'
import { etcdError } from './errors.ts'
import { encodeKeyValue, type KeyValueFields } from './key-value.ts'
import { Version } from './version.ts'

const crcBytes = 4
const recordKeyBytes = 13
/** First bytes of record keys. */
export const recordKind = { meta: 0x6d, lease: 0x6c, index: 0x72, value: 0x76, auth: 0x61 } as const
const uint32 = 2 ** 32

const recordKey = (kind: number, main: number, sub: number): Buffer => {
  const key = Buffer.allocUnsafe(recordKeyBytes)
  key[0] = kind
  key.writeUInt32BE(Math.floor(main / uint32), 1)
  key.writeUInt32BE(main % uint32, 5)
  key.writeUInt32BE(sub, 9)
  return key
}

export const indexKey = (main: number, sub: number): Buffer => recordKey(recordKind.index, main, sub)
export const valueKey = (main: number, sub: number): Buffer => recordKey(recordKind.value, main, sub)
export const metaKey = (name: string): Buffer => Buffer.concat([Buffer.from([recordKind.meta]), Buffer.from(name)])
export const leaseKey = (id: bigint): Buffer => {
  const key = Buffer.allocUnsafe(9)
  key[0] = recordKind.lease
  key.writeBigInt64BE(id, 1)
  return key
}
/** `bucket` is one character. */
export const authKey = (bucket: string, name: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([recordKind.auth, bucket.charCodeAt(0)]), name])

export const allAuthRecords = { start: Buffer.from([recordKind.auth]), end: Buffer.from([recordKind.auth + 1]) }
export const allIndexRecords = { start: Buffer.from([recordKind.index]), end: Buffer.from([recordKind.index + 1]) }
export const allLeases = { start: Buffer.from([recordKind.lease]), end: Buffer.from([recordKind.lease + 1]) }
export const allValues = { start: Buffer.from([recordKind.value]), end: Buffer.from([recordKind.value + 1]) }
/** All records but index and values. */
export const allOtherRecords = [
  { start: Buffer.alloc(0), end: allIndexRecords.start },
  { start: allIndexRecords.end, end: allValues.start },
  { start: allValues.end, end: Buffer.from([0xff]) },
]
export const revisionOfKey = (key: Buffer): { readonly main: number; readonly sub: number } => ({
  main: key.readUInt32BE(1) * uint32 + key.readUInt32BE(5),
  sub: key.readUInt32BE(9),
})
export const leaseIdOfKey = (key: Buffer): bigint => key.readBigInt64BE(1)

const seal = (record: Buffer): Buffer => {
  record.writeUInt32BE(crc32(record.subarray(crcBytes)), 0)
  return record
}

/** The checksum that a record carries, unchecked. */
export const recordChecksum = (record: Buffer): number => (record.length < crcBytes ? 0 : record.readUInt32BE(0))

/** Checks a record's checksum; throws etcd's corruption error, never returns bytes that are not what was written. */
const unseal = (record: Buffer): Buffer => {
  if (record.length < crcBytes || crc32(record.subarray(crcBytes)) !== record.readUInt32BE(0)) {
    throw etcdError('corrupt', { cause: new Error('a record of the store does not match its checksum') })
  }
  return record.subarray(crcBytes)
}

export const sealed = (payload: Uint8Array): Buffer => seal(Buffer.concat([Buffer.alloc(crcBytes), payload]))
export const unsealed = unseal

const indexHeadBytes = crcBytes + 8 + 8 + 8

/** Index record: create revision, version, lease, key. */
export const encodeIndexRecord = (key: string, version: Version): Buffer => {
  const record = Buffer.allocUnsafe(indexHeadBytes + key.length)
  record.writeDoubleBE(version.create, 4)
  record.writeDoubleBE(version.version, 12)
  record.writeBigInt64BE(version.lease, 20)
  record.write(key, indexHeadBytes, 'latin1')
  return seal(record)
}

export const decodeIndexRecord = (recordKeyBuffer: Buffer, record: Buffer): { key: string; version: Version } => {
  unseal(record)
  const { main, sub } = revisionOfKey(recordKeyBuffer)
  const lease = record.readBigInt64BE(20)
  return {
    key: record.toString('latin1', indexHeadBytes),
    version: new Version(
      main,
      sub,
      record.readDoubleBE(4),
      record.readDoubleBE(12),
      lease === 0n ? 0n : lease,
      undefined,
    ),
  }
}

/** Bytes of an index record, key of the record included. */
export const indexRecordBytes = (key: string): number => recordKeyBytes + indexHeadBytes + key.length
/** Bytes of a value record for an encoded KeyValue, key of the record included. */
export const valueRecordBytes = (bytes: Buffer): number => recordKeyBytes + crcBytes + bytes.length

/** Value record; `bytes` is the encoded KeyValue inside it. */
export const encodeValueRecord = (fields: KeyValueFields): { readonly record: Buffer; readonly bytes: Buffer } => {
  const record = encodeKeyValue(fields, crcBytes)
  return { record: seal(record), bytes: record.subarray(crcBytes) }
}

const noValue = new Uint8Array()

/** The encoded KeyValue of a value record; undefined when it is damaged or another version's. */
export const decodeValueRecord = (record: Buffer, key: string, version: Version): Buffer | undefined => {
  if (recordChecksum(record) !== crc32(record.subarray(crcBytes))) return undefined
  const bytes = record.subarray(crcBytes)
  const { create, main, version: count } = version
  // Value and lease come last: what is before them says which version this is.
  const head = encodeKeyValue({ key, create, mod: main, version: count, value: noValue, lease: 0n })
  return bytes.subarray(0, head.length).equals(head) ? bytes : undefined
}
