/** etcd's three ways to name keys: one key, [key, end), and everything from key on (an end of one zero byte). */
export type KeyRange =
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'range'; readonly start: string; readonly end: string | undefined }

/** Keys are bytes; inside the store they are latin1 strings, one character a byte. */
export const keyString = (bytes: Buffer): string => bytes.toString('latin1')
export const keyBytes = (key: string): Buffer => Buffer.from(key, 'latin1')

/** Reads `key` and `range_end` of a request. */
export const keyRange = (key: Buffer, rangeEnd: Buffer): KeyRange => {
  if (rangeEnd.length === 0) return { type: 'key', key: keyString(key) }
  const end = rangeEnd.length === 1 && rangeEnd[0] === 0 ? undefined : keyString(rangeEnd)
  return { type: 'range', start: keyString(key), end }
}

export const inRange = (range: KeyRange, key: string): boolean =>
  range.type === 'key' ? key === range.key : key >= range.start && (range.end === undefined || key < range.end)
