/** Revisions as etcd's database has them for keys; HashKV is a hash over these. */
const revisionBytes = 17
const underscore = 0x5f
const tombstoneMark = 0x74 // t

/** main, `_`, sub; a deletion has a `t` at the end. */
export const encodeRevisionKey = (main: number, sub: number, deleted = false): Buffer => {
  const key = Buffer.alloc(deleted ? revisionBytes + 1 : revisionBytes)
  key.writeBigUInt64BE(BigInt(main), 0)
  key[8] = underscore
  key.writeBigUInt64BE(BigInt(sub), 9)
  if (deleted) key[revisionBytes] = tombstoneMark
  return key
}

export interface RevisionKey {
  readonly main: number
  readonly sub: number
  readonly deleted: boolean
}

/** Undefined for what is no revision. */
export const decodeRevisionKey = (key: Buffer): RevisionKey | undefined => {
  const deleted = key.length === revisionBytes + 1 && key[revisionBytes] === tombstoneMark
  if ((!deleted && key.length !== revisionBytes) || key[8] !== underscore) return undefined
  const [main, sub] = [Number(key.readBigUInt64BE(0)), Number(key.readBigUInt64BE(9))]
  return Number.isSafeInteger(main) && Number.isSafeInteger(sub) ? { main, sub, deleted } : undefined
}
