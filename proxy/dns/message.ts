/** DNS messages as bytes: the few fields that a cache must read and change without decoding all of it. Pure. */

/** Where the time to live of each record is, and how short the shortest is. */
export interface MessageTimes {
  readonly ttlOffsets: readonly number[]
  /** Seconds; undefined without a record that has one. */
  readonly minTtl: number | undefined
}

const headerLength = 12
const soaType = 6
const optType = 41

/** Offset behind a name; throws RangeError if the message ends within. */
const skipName = (message: Buffer, start: number): number => {
  let offset = start
  for (;;) {
    const length = message.readUInt8(offset)
    if (length === 0) return offset + 1
    // A pointer ends a name.
    if (length >= 0xc0) return offset + 2
    offset += 1 + length
  }
}

/** Length of the header and the questions. */
export const questionEnd = (message: Buffer): number => {
  let offset = headerLength
  for (let count = message.readUInt16BE(4); count > 0; count--) offset = skipName(message, offset) + 4
  return offset
}

/** How long the name of a SOA record's zone may be said not to have what was asked. */
const negativeTtl = (message: Buffer, data: number): number => {
  const numbers = skipName(message, skipName(message, data))
  return message.readUInt32BE(numbers + 16)
}

/** Reads the times of all records; throws RangeError if the message is damaged. */
export const timesOf = (message: Buffer): MessageTimes => {
  const ttlOffsets: number[] = []
  let minTtl: number | undefined
  let offset = questionEnd(message)
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10)
  for (let count = records; count > 0; count--) {
    const fixed = skipName(message, offset)
    const type = message.readUInt16BE(fixed)
    const data = fixed + 10
    if (type !== optType) {
      ttlOffsets.push(fixed + 4)
      const ttl = message.readUInt32BE(fixed + 4)
      const limit = type === soaType && message.readUInt16BE(6) === 0 ? Math.min(ttl, negativeTtl(message, data)) : ttl
      minTtl = Math.min(minTtl ?? limit, limit)
    }
    offset = data + message.readUInt16BE(fixed + 8)
  }
  if (offset > message.length) throw new RangeError('the message ends within a record')
  return { ttlOffsets, minTtl }
}

export const rcodeOf = (message: Buffer): number => message.readUInt16BE(2) & 0x000f
export const isTruncated = (message: Buffer): boolean => (message.readUInt16BE(2) & 0x0200) !== 0

/** A response for another question of the same meaning: its id, its spelling, and times that have gone on. */
export const readdress = (
  response: Buffer,
  query: Buffer,
  { ttlOffsets, ageSeconds }: { readonly ttlOffsets: readonly number[]; readonly ageSeconds: number },
): Buffer => {
  const copy = Buffer.from(response)
  query.copy(copy, 0, 0, 2)
  query.copy(copy, headerLength, headerLength, questionEnd(query))
  for (const offset of ttlOffsets) copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(offset) - ageSeconds), offset)
  return copy
}

/** What is left of a response that is too large: the client asks again over TCP. */
export const truncate = (response: Buffer): Buffer => {
  const cut = Buffer.from(response.subarray(0, questionEnd(response)))
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2)
  cut.fill(0, 6, headerLength)
  return cut
}
