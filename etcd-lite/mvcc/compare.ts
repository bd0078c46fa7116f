/** Conditions of a transaction. */
import { type Compare, compareResult, compareTarget } from '../../component-base/etcd/messages.ts'
import type { KeyIndex } from './key-index.ts'
import { keyRange } from './key-range.ts'
import { valueOf } from './key-value.ts'
import type { Hit } from './range.ts'

const sign = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0)
const noBytes = Buffer.alloc(0)

/** How the key stands to the compare's operand: -1, 0 or 1. A key that does not exist has zeros everywhere. */
const order = (compare: Compare, hit: Hit | undefined, bytesOf: (hit: Hit) => Buffer): number => {
  switch (compare.target) {
    case compareTarget.version:
      return sign(hit?.version.version ?? 0, compare.version ?? 0)
    case compareTarget.create:
      return sign(hit?.version.create ?? 0, compare.createRevision ?? 0)
    case compareTarget.mod:
      return sign(hit?.version.main ?? 0, compare.modRevision ?? 0)
    case compareTarget.lease:
      return sign(hit?.version.lease ?? 0n, compare.lease ?? 0n)
    case compareTarget.value:
      return Buffer.compare(hit === undefined ? noBytes : valueOf(bytesOf(hit)), compare.value ?? noBytes)
    default:
      return 0 // as etcd: what it does not know is equal
  }
}

const holdsFor = (compare: Compare, hit: Hit | undefined, bytesOf: (hit: Hit) => Buffer): boolean => {
  const result = order(compare, hit, bytesOf)
  switch (compare.result) {
    case compareResult.equal:
      return result === 0
    case compareResult.notEqual:
      return result !== 0
    case compareResult.greater:
      return result > 0
    case compareResult.less:
      return result < 0
    default:
      return true
  }
}

/** Whether a condition holds at `revision`: for every key of its range, or for the one missing key. */
export const compareHolds = (
  index: KeyIndex,
  revision: number,
  compare: Compare,
  bytesOf: (hit: Hit) => Buffer,
): boolean => {
  const hits: Hit[] = []
  index.forEachAt(keyRange(compare.key, compare.rangeEnd), revision, (entry, version) => hits.push({ entry, version }))
  // A value cannot be compared with one that is not there: etcd fails it, even for "not equal".
  if (hits.length === 0) return compare.target !== compareTarget.value && holdsFor(compare, undefined, bytesOf)
  return hits.every((hit) => holdsFor(compare, hit, bytesOf))
}
