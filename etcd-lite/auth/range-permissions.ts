/**
 * What a user may read and write: the ranges of all permissions of all roles, merged, so that a range that spans
 * several permissions is permitted as long as they leave no gap.
 */
import { type Permission, permissionType } from '../../component-base/etcd/auth-messages.ts'
import { keyString } from '../mvcc/key-range.ts'

/** [start, end) of latin1 keys; an `end` of undefined is beyond all keys. */
export interface Interval {
  readonly start: string
  readonly end: string | undefined
}

type Access = 'read' | 'write'

const isOpenEnded = (rangeEnd: Uint8Array): boolean => rangeEnd.length === 1 && rangeEnd[0] === 0

/** The interval that `key` and `range_end` of a permission or a request mean. */
export const intervalOf = (key: Buffer, rangeEnd: Buffer): Interval => {
  const start = keyString(key)
  if (rangeEnd.length === 0) return { start, end: `${start}\0` }
  return { start, end: isOpenEnded(rangeEnd) ? undefined : keyString(rangeEnd) }
}

/** Whether a permission may be granted on this range: it has a key, and its end is not before it. */
export const isValidRange = (key: Buffer, rangeEnd: Buffer): boolean => {
  if (key.length === 0) return false
  return rangeEnd.length === 0 || isOpenEnded(rangeEnd) || Buffer.compare(key, rangeEnd) < 0
}

const reaches = (end: string | undefined, key: string): boolean => end === undefined || end >= key

/** Sorted intervals with a gap between any two. */
export const mergeIntervals = (intervals: readonly Interval[]): Interval[] => {
  const merged: { start: string; end: string | undefined }[] = []
  const sorted = intervals.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  for (const { start, end } of sorted) {
    const last = merged.at(-1)
    if (last === undefined || !reaches(last.end, start)) merged.push({ start, end })
    else if (last.end !== undefined && (end === undefined || end > last.end)) last.end = end
  }
  return merged
}

/** The last of merged intervals that begins at or before `key`. */
const intervalAt = (merged: readonly Interval[], key: string): Interval | undefined => {
  let [low, high] = [0, merged.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((merged[middle]?.start ?? '') <= key) low = middle + 1
    else high = middle
  }
  return merged[low - 1]
}

/** Whether one of merged intervals has all of `asked`. An empty range is judged by its first key, as in etcd. */
export const covers = (merged: readonly Interval[], { start, end }: Interval): boolean => {
  const found = intervalAt(merged, start)
  if (found === undefined) return false
  if (found.end === undefined) return true
  return found.end > start && end !== undefined && end <= found.end
}

export class RangePermissions {
  readonly #merged: Readonly<Record<Access, readonly Interval[]>>

  constructor(permissions: readonly Permission[]) {
    const intervals: Record<Access, Interval[]> = { read: [], write: [] }
    for (const { permType, key, rangeEnd } of permissions) {
      const interval = intervalOf(key, rangeEnd)
      if (permType === permissionType.read || permType === permissionType.readWrite) intervals.read.push(interval)
      if (permType === permissionType.write || permType === permissionType.readWrite) intervals.write.push(interval)
    }
    this.#merged = { read: mergeIntervals(intervals.read), write: mergeIntervals(intervals.write) }
  }

  permits(access: Access, asked: Interval): boolean {
    return covers(this.#merged[access], asked)
  }
}
