/** A RangeResponse put together of encoded KeyValues with one copy: lists of thousands of keys pass here. */
import { varintSize, writeVarint } from './key-value.ts'

const tag = { header: 0x0a, kv: 0x12, more: 0x18, count: 0x20 } as const

export interface RangeResponseParts {
  readonly header: Uint8Array
  readonly kvs: readonly Buffer[]
  readonly more: boolean
  readonly count: number
}

const writeBytes = (buffer: Buffer, at: number, fieldTag: number, bytes: Uint8Array): number => {
  buffer[at] = fieldTag
  const start = writeVarint(buffer, at + 1, bytes.length)
  buffer.set(bytes, start)
  return start + bytes.length
}

const sizeOf = (bytes: Uint8Array): number => 1 + varintSize(bytes.length) + bytes.length

/** The bytes of etcdserverpb.RangeResponse. */
export const encodeRangeResponse = ({ header, kvs, more, count }: RangeResponseParts): Buffer => {
  let size = sizeOf(header) + (more ? 2 : 0) + (count === 0 ? 0 : 1 + varintSize(count))
  for (const kv of kvs) size += sizeOf(kv)
  const buffer = Buffer.allocUnsafe(size)
  let at = writeBytes(buffer, 0, tag.header, header)
  for (const kv of kvs) at = writeBytes(buffer, at, tag.kv, kv)
  if (more) {
    buffer[at++] = tag.more
    buffer[at++] = 1
  }
  if (count !== 0) {
    buffer[at] = tag.count
    writeVarint(buffer, at + 1, count)
  }
  return buffer
}
