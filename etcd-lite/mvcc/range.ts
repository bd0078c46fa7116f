/** Range: which versions a read sees, in which order, and how they are written into the answer. */
import { type RangeRequest, sortOrder, sortTarget } from '../../component-base/etcd/messages.ts'
import { etcdError } from './errors.ts'
import type { KeyIndex } from './key-index.ts'
import { keyRange } from './key-range.ts'
import { encodeKeyValue, valueOf } from './key-value.ts'
import type { KeyEntry, Version } from './version.ts'

export interface Hit {
  readonly entry: KeyEntry
  readonly version: Version
}

/** Revisions that bound what can be read. */
export interface Visibility {
  /** The newest revision. */
  readonly current: number
  readonly compacted: number
}

export interface RangePlan {
  readonly hits: readonly Hit[]
  readonly count: number
  readonly more: boolean
}

/** Checks the parts of a Range that do not depend on the data. */
export const checkRange = (request: RangeRequest): void => {
  if (request.key.length === 0) throw etcdError('emptyKey')
  const { sortOrder: order, sortTarget: target } = request
  if (order < 0 || order > sortOrder.descend || target < 0 || target > sortTarget.value) {
    throw etcdError('invalidSortOption')
  }
}

/** Checks the asked revision; returns the revision to read at. */
export const revisionToRead = (asked: number, { current, compacted }: Visibility): number => {
  if (asked <= 0) return current
  if (asked > current) throw etcdError('futureRevision')
  if (asked < compacted) throw etcdError('compacted')
  return asked
}

const hasFilter = (r: RangeRequest): boolean =>
  r.minModRevision !== 0 || r.maxModRevision !== 0 || r.minCreateRevision !== 0 || r.maxCreateRevision !== 0

const passes = (r: RangeRequest, { main, create }: Version): boolean =>
  (r.maxModRevision === 0 || main <= r.maxModRevision) &&
  (r.minModRevision === 0 || main >= r.minModRevision) &&
  (r.maxCreateRevision === 0 || create <= r.maxCreateRevision) &&
  (r.minCreateRevision === 0 || create >= r.minCreateRevision)

type Comparer = (a: Hit, b: Hit) => number

const compareKeys: Comparer = (a, b) => (a.entry.key < b.entry.key ? -1 : a.entry.key > b.entry.key ? 1 : 0)

const comparerFor = (target: number, bytesOf: (hit: Hit) => Buffer): Comparer => {
  switch (target) {
    case sortTarget.version:
      return (a, b) => a.version.version - b.version.version
    case sortTarget.create:
      return (a, b) => a.version.create - b.version.create
    case sortTarget.mod:
      return (a, b) => a.version.main - b.version.main
    case sortTarget.value:
      return (a, b) => Buffer.compare(valueOf(bytesOf(a)), valueOf(bytesOf(b)))
    default:
      return compareKeys
  }
}

/**
 * Finds the answer of a Range that has been checked. `bytesOf` is asked only when sorting by value.
 * `count` is of all keys in the range, whatever limit and filters say, as in etcd.
 */
export const planRange = (
  index: KeyIndex,
  request: RangeRequest,
  visibility: Visibility,
  bytesOf: (hit: Hit) => Buffer,
): RangePlan => {
  const revision = revisionToRead(request.revision, visibility)
  const range = keyRange(request.key, request.rangeEnd)
  const { limit } = request
  let count = 0
  if (request.countOnly) {
    index.forEachAt(range, revision, () => count++)
    return { hits: [], count, more: false }
  }
  const order =
    request.sortTarget !== sortTarget.key && request.sortOrder === sortOrder.none ? sortOrder.ascend : request.sortOrder
  const filtered = hasFilter(request)
  // Sorting and filtering need all; otherwise one more than the limit tells whether there are more.
  const fetchAll = limit <= 0 || filtered || request.sortOrder !== sortOrder.none
  const hits: Hit[] = []
  index.forEachAt(range, revision, (entry, version) => {
    count++
    if ((fetchAll || hits.length <= limit) && (!filtered || passes(request, version))) hits.push({ entry, version })
  })
  if (order === sortOrder.descend && request.sortTarget === sortTarget.key) hits.reverse()
  else if (order !== sortOrder.none && request.sortTarget !== sortTarget.key) {
    const compare = comparerFor(request.sortTarget, bytesOf)
    hits.sort(order === sortOrder.ascend ? compare : (a, b) => compare(b, a))
  }
  const more = limit > 0 && hits.length > limit
  return { hits: more ? hits.slice(0, limit) : hits, count, more }
}

const noValue = new Uint8Array()

/** The encoded KeyValue without its value, for keys_only. */
export const encodeKeyOnly = ({ entry, version }: Hit): Buffer =>
  encodeKeyValue({
    key: entry.key,
    create: version.create,
    mod: version.main,
    version: version.version,
    value: noValue,
    lease: version.lease,
  })
