/**
 * bbolt's file format, as far as a file that nobody writes any more needs it.
 *
 *     page 0, 1   meta: where the root is, with a checksum; the one with the higher transaction id counts
 *     page 2…     freelist · branch pages (first key → child page) · leaf pages (key → value)
 *
 *     page = | id 8 | flags 2 | count 2 | overflow 4 | elements… | their bytes… |     all integers little-endian
 *
 * A page that does not fit goes on in the `overflow` pages after it. The root tree's values are buckets: the page of
 * the bucket's own tree, or, when that is 0, the one page of a small bucket, right behind.
 */

export const pageHeaderBytes = 16
export const elementBytes = 16
export const bucketHeaderBytes = 16
export const pageFlag = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const
/** Of a leaf element whose value is a bucket. */
export const bucketFlag = 0x01

const magic = 0xed0cdaed
const version = 2
/** Meta fields before the checksum, and with it. */
const checkedBytes = 56
export const metaBytes = checkedBytes + 8

/** Thrown for a file that is not what bbolt writes. */
export class DamagedBoltFileError extends Error {
  constructor(what: string) {
    super(`the database file is damaged: ${what}`)
    this.name = 'DamagedBoltFileError'
  }
}

export interface Meta {
  readonly pageSize: number
  readonly root: number
  readonly freelist: number
  /** Pages from here on are not in use: the file ends here. */
  readonly highWaterMark: number
  readonly txid: bigint
}

export interface PageHeader {
  readonly id: number
  readonly flags: number
  readonly count: number
  readonly overflow: number
}

const fnvOffset = 0xcbf29ce484222325n
const fnvPrime = 0x100000001b3n

/** FNV-1a, 64 bits. */
export const fnv64a = (bytes: Uint8Array): bigint => {
  let hash = fnvOffset
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * fnvPrime)
  return hash
}

/** A page number as a double holds it; larger ones are not in any file. */
export const readPageId = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

export const writePageHeader = (page: Buffer, { id, flags, count, overflow }: PageHeader): void => {
  page.writeBigUInt64LE(BigInt(id), 0)
  page.writeUInt16LE(flags, 8)
  page.writeUInt16LE(count, 10)
  page.writeUInt32LE(overflow, 12)
}

export const readPageHeader = (page: Buffer): PageHeader => ({
  id: readPageId(page, 0),
  flags: page.readUInt16LE(8),
  count: page.readUInt16LE(10),
  overflow: page.readUInt32LE(12),
})

/** Writes a meta page's fields behind its page header. */
export const writeMeta = (page: Buffer, meta: Meta): void => {
  const fields = page.subarray(pageHeaderBytes, pageHeaderBytes + metaBytes)
  fields.writeUInt32LE(magic, 0)
  fields.writeUInt32LE(version, 4)
  fields.writeUInt32LE(meta.pageSize, 8)
  fields.writeUInt32LE(0, 12)
  fields.writeBigUInt64LE(BigInt(meta.root), 16)
  fields.writeBigUInt64LE(0n, 24) // the root bucket's sequence
  fields.writeBigUInt64LE(BigInt(meta.freelist), 32)
  fields.writeBigUInt64LE(BigInt(meta.highWaterMark), 40)
  fields.writeBigUInt64LE(meta.txid, 48)
  fields.writeBigUInt64LE(fnv64a(fields.subarray(0, checkedBytes)), checkedBytes)
}

/** Reads a meta page; undefined when it is none, or does not match its checksum. */
export const readMeta = (page: Buffer): Meta | undefined => {
  if (page.length < pageHeaderBytes + metaBytes) return undefined
  const fields = page.subarray(pageHeaderBytes, pageHeaderBytes + metaBytes)
  if (fields.readUInt32LE(0) !== magic || fields.readUInt32LE(4) !== version) return undefined
  if (fields.readBigUInt64LE(checkedBytes) !== fnv64a(fields.subarray(0, checkedBytes))) return undefined
  return {
    pageSize: fields.readUInt32LE(8),
    root: readPageId(fields, 16),
    freelist: readPageId(fields, 32),
    highWaterMark: readPageId(fields, 40),
    txid: fields.readBigUInt64LE(48),
  }
}
