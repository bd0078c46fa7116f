import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import type { ScalarName } from './types.ts'

/** How one scalar type is written and read. `bytes` is the buffer under `reader`. */
export interface Scalar {
  readonly wireType: 0 | 1 | 2 | 5
  readonly zero: unknown
  isZero(value: unknown): boolean
  write(writer: BinaryWriter, value: unknown): void
  read(reader: BinaryReader, bytes: Buffer): unknown
}

const maxVarintInDouble = 7 // bytes: 49 bits, well inside 2^53

/** Reads a varint as a number: up to 49 bits directly, larger (and negative) ones over the library's bigint. */
const readNumber = (reader: BinaryReader, bytes: Buffer, wide: (reader: BinaryReader) => bigint | string): number => {
  let result = 0
  let scale = 1
  const start = reader.pos
  for (let i = 0; i < maxVarintInDouble; i++) {
    const byte = bytes[start + i]
    if (byte === undefined) throw new RangeError('premature EOF')
    result += (byte & 0x7f) * scale
    if (byte < 0x80) {
      reader.pos = start + i + 1
      return result
    }
    scale *= 128
  }
  return Number(wide(reader))
}

const isZeroNumber = (value: unknown): boolean => value === 0
const isZeroBigint = (value: unknown): boolean => value === 0n
const isEmpty = (value: unknown): boolean => (value as { length: number }).length === 0
const maxUint32 = 0xffffffff

const number = (
  wireType: 0 | 1 | 5,
  write: (writer: BinaryWriter, value: number) => void,
  read: (reader: BinaryReader, bytes: Buffer) => number,
): Scalar => ({
  wireType,
  zero: 0,
  isZero: isZeroNumber,
  write: (writer, value) => write(writer, value as number),
  read,
})

export const scalars: Readonly<Record<ScalarName, Scalar>> = {
  string: {
    wireType: 2,
    zero: '',
    isZero: isEmpty,
    write: (writer, value) => writer.string(value as string),
    read: (reader) => reader.string(),
  },
  bytes: {
    wireType: 2,
    zero: Buffer.alloc(0),
    isZero: isEmpty,
    write: (writer, value) => writer.bytes(value as Uint8Array),
    read: (reader, bytes) => {
      const length = reader.uint32()
      const start = reader.pos
      if (start + length > bytes.length) throw new RangeError('premature EOF')
      reader.pos = start + length
      return bytes.subarray(start, start + length)
    },
  },
  bool: {
    wireType: 0,
    zero: false,
    isZero: (value) => value === false,
    write: (writer, value) => writer.bool(value as boolean),
    read: (reader) => reader.bool(),
  },
  int32: number(
    0,
    (writer, value) => writer.int32(value),
    (reader) => reader.int32(),
  ),
  uint32: number(
    0,
    (writer, value) => writer.uint32(value),
    (reader) => reader.uint32(),
  ),
  sint32: number(
    0,
    (writer, value) => writer.sint32(value),
    (reader) => reader.sint32(),
  ),
  fixed32: number(
    5,
    (writer, value) => writer.fixed32(value),
    (reader) => reader.fixed32(),
  ),
  float: number(
    5,
    (writer, value) => writer.float(value),
    (reader) => reader.float(),
  ),
  double: number(
    1,
    (writer, value) => writer.double(value),
    (reader) => reader.double(),
  ),
  int64: number(
    0,
    // A small non-negative int64 has the same bytes as a uint32, and that way needs no bigint.
    (writer, value) => (value >= 0 && value <= maxUint32 ? writer.uint32(value) : writer.int64(value)),
    (reader, bytes) => readNumber(reader, bytes, (r) => r.int64()),
  ),
  uint64: number(
    0,
    (writer, value) => (value >= 0 && value <= maxUint32 ? writer.uint32(value) : writer.uint64(value)),
    (reader, bytes) => readNumber(reader, bytes, (r) => r.uint64()),
  ),
  int64big: {
    wireType: 0,
    zero: 0n,
    isZero: isZeroBigint,
    write: (writer, value) => writer.int64(value as bigint),
    read: (reader) => BigInt(reader.int64()),
  },
  uint64big: {
    wireType: 0,
    zero: 0n,
    isZero: isZeroBigint,
    write: (writer, value) => writer.uint64(value as bigint),
    read: (reader) => BigInt(reader.uint64()),
  },
}
