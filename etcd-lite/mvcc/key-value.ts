/**
 * The encoded mvccpb.KeyValue: made once per write, then stored, cached, listed and sent to watchers as it is.
 * Written by hand because every write and every list passes here; the bytes are those of the table codec.
 */

export interface KeyValueFields {
  /** latin1 */
  readonly key: string
  readonly create: number
  readonly mod: number
  readonly version: number
  readonly value: Uint8Array
  readonly lease: bigint
}

const tag = { key: 0x0a, create: 0x10, mod: 0x18, version: 0x20, value: 0x2a, lease: 0x30 } as const
const empty = new Uint8Array()

export const varintSize = (value: number): number => {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

export const writeVarint = (buffer: Buffer, position: number, value: number): number => {
  let rest = value
  let at = position
  while (rest >= 128) {
    buffer[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  buffer[at++] = rest
  return at
}

/** A varint of 64 bits; nothing for zero, which is left out on the wire. */
export const bigVarint = (value: bigint): Uint8Array => {
  if (value === 0n) return empty
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

const numberSize = (value: number): number => (value === 0 ? 0 : 1 + varintSize(value))
const lengthSize = (length: number): number => (length === 0 ? 0 : 1 + varintSize(length) + length)

const writeNumber = (buffer: Buffer, at: number, fieldTag: number, value: number): number => {
  if (value === 0) return at
  buffer[at] = fieldTag
  return writeVarint(buffer, at + 1, value)
}

/** Encodes into a new buffer, leaving `headroom` bytes free before the message. */
export const encodeKeyValue = (fields: KeyValueFields, headroom = 0): Buffer => {
  const { key, create, mod, version, value } = fields
  const lease = bigVarint(fields.lease)
  const size =
    headroom +
    lengthSize(key.length) +
    numberSize(create) +
    numberSize(mod) +
    numberSize(version) +
    lengthSize(value.length) +
    (lease.length === 0 ? 0 : 1 + lease.length)
  const buffer = Buffer.allocUnsafe(size)
  let at = headroom
  if (key.length > 0) {
    buffer[at] = tag.key
    at = writeVarint(buffer, at + 1, key.length)
    at += buffer.write(key, at, 'latin1')
  }
  at = writeNumber(buffer, at, tag.create, create)
  at = writeNumber(buffer, at, tag.mod, mod)
  at = writeNumber(buffer, at, tag.version, version)
  if (value.length > 0) {
    buffer[at] = tag.value
    at = writeVarint(buffer, at + 1, value.length)
    buffer.set(value, at)
    at += value.length
  }
  if (lease.length > 0) {
    buffer[at] = tag.lease
    buffer.set(lease, at + 1)
  }
  return buffer
}

/** What a watcher is told of a deleted key: its name and the revision. */
export const encodeTombstone = (key: string, mod: number): Buffer =>
  encodeKeyValue({ key, create: 0, mod, version: 0, value: empty, lease: 0n })

/** The `value` field of an encoded KeyValue, sharing its memory. */
export const valueOf = (bytes: Buffer): Buffer => {
  let at = 0
  const varint = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }
  while (at < bytes.length) {
    const fieldTag = bytes[at++] ?? 0
    if (fieldTag === tag.value) {
      const length = varint()
      return bytes.subarray(at, at + length)
    }
    if (fieldTag === tag.key) {
      const length = varint()
      at += length
    } else varint()
  }
  return bytes.subarray(0, 0)
}
