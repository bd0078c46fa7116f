/** Sequences of operations, generated. Few keys, values and revisions, so that operations meet each other. */
import fc, { type Arbitrary } from 'fast-check'
import type { RequestOpInit, TxnRequestInit } from '../../component-base/etcd/messages.ts'
import type { ExtraFields, LeaseRef, Operation, RevisionRef, Spec } from './operations.ts'

/** A field that is mostly left out. */
const rarely = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 })
const sometimes = fc.option(fc.constant(true), { nil: undefined, freq: 1 })

const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c', 'aa', 'ab', 'abc') },
  { weight: 3, arbitrary: fc.constantFrom('\0', 'a\0', '\xff', '\xff\xff', '\x80', 'ÿa', 'sentinel') },
  { weight: 1, arbitrary: fc.constant('') },
)
const rangeEnd = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: fc.constant('\0') },
  { weight: 6, arbitrary: fc.constantFrom('b', 'c', 'd', 'ac', 'ab\0', '\xff', '\xff\xff\xff', '\0\0') },
  { weight: 1, arbitrary: key },
)
const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('x', 'y', 'z', 'xx') },
  { weight: 2, arbitrary: fc.constantFrom('', '\0', '\xff\xfe', 'v'.repeat(300)) },
)

const now = (from: number, to: number): Arbitrary<RevisionRef> =>
  fc.integer({ min: from, max: to }).map((n): RevisionRef => (n < 0 ? `now-${-n}` : `now+${n}`))
const revision = fc.oneof(
  { weight: 8, arbitrary: now(-10, 0) },
  { weight: 1, arbitrary: now(1, 3) },
  { weight: 1, arbitrary: fc.constantFrom<RevisionRef>(0, 1, -1, -7) },
)
const lease = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<LeaseRef>(1, 2, 3) },
  { weight: 2, arbitrary: fc.constantFrom<LeaseRef>('granted0', 'granted1') },
  { weight: 1, arbitrary: fc.constantFrom<LeaseRef>(0, -1, 99, Number.MAX_SAFE_INTEGER) },
)

const int64 = fc.constantFrom(
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '4611686018427387905',
  '-9007199254740995',
  '-1',
)
/** The ID -1 means no watch: what comes for a watch of that name comes in no fixed order. */
const watchId = fc.constantFrom('9223372036854775807', '-9223372036854775808', '9007199254740993', '-2')
const rare = <T>(arbitrary: Arbitrary<T>, among: number): Arbitrary<T | undefined> =>
  fc.oneof({ weight: among, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

/** Numbers of all 64 bits in some of a request's fields. */
const extra = (...fields: readonly number[]): Arbitrary<ExtraFields | undefined> =>
  rare(
    fc.tuple(fc.constantFrom(...fields), int64).map(([field, number]) => ({ [field]: number })),
    8,
  )
const watchExtra = rare(
  fc.oneof(
    int64.map((number) => ({ 3: number })),
    watchId.map((number) => ({ 7: number })),
  ),
  8,
)

const rangeRequest = fc.record({
  key,
  rangeEnd,
  limit: rarely(fc.constantFrom(0, 1, 2, 3, -1)),
  revision: rarely(revision),
  sortOrder: rarely(fc.integer({ min: 0, max: 2 })),
  sortTarget: rarely(fc.integer({ min: 0, max: 4 })),
  serializable: sometimes,
  keysOnly: rare(fc.constant(true), 5),
  countOnly: rare(fc.constant(true), 5),
  minModRevision: rare(revision, 6),
  maxModRevision: rare(revision, 6),
  minCreateRevision: rare(revision, 6),
  maxCreateRevision: rare(revision, 6),
})

const putRequest = fc.record({
  key,
  value: fc.option(value, { nil: undefined, freq: 6 }),
  lease: rare(lease, 3),
  prevKv: sometimes,
  ignoreValue: rare(fc.constant(true), 8),
  ignoreLease: rare(fc.constant(true), 8),
})

const deleteRequest = fc.record({ key, rangeEnd, prevKv: sometimes })

const compare = fc
  .record({
    result: fc.integer({ min: 0, max: 4 }),
    target: fc.integer({ min: 0, max: 5 }),
    key,
    rangeEnd: rare(rangeEnd, 2),
    operand: fc.oneof(
      fc.integer({ min: 0, max: 3 }).map((version) => ({ version })),
      revision.map((createRevision) => ({ createRevision })),
      revision.map((modRevision) => ({ modRevision })),
      value.map((text) => ({ value: text })),
      lease.map((id) => ({ lease: id })),
      fc.constant({}),
    ),
    matching: fc.integer({ min: 0, max: 3 }),
  })
  // Mostly the operand that belongs to the target.
  .map(({ operand, matching, target, ...rest }) => {
    const owner = ['version', 'createRevision', 'modRevision', 'value', 'lease'].indexOf(Object.keys(operand)[0] ?? '')
    return { ...rest, ...operand, target: matching > 0 && owner >= 0 ? owner : target }
  })

const requestOp = (depth: number): Arbitrary<Spec<RequestOpInit>> => {
  const leaf = [
    { weight: 4, arbitrary: rangeRequest.map((requestRange) => ({ requestRange })) },
    { weight: 6, arbitrary: putRequest.map((requestPut) => ({ requestPut })) },
    { weight: 3, arbitrary: deleteRequest.map((requestDeleteRange) => ({ requestDeleteRange })) },
  ]
  if (depth === 0) return fc.oneof(...leaf) as Arbitrary<Spec<RequestOpInit>>
  const nested = { weight: 3, arbitrary: txnRequest(depth - 1).map((requestTxn) => ({ requestTxn })) }
  return fc.oneof(...leaf, nested) as Arbitrary<Spec<RequestOpInit>>
}

/**
 * A put that keeps value or lease of a key that the same transaction has deleted ends a real etcd: only a deletion of
 * everything from a key on gets past the check for duplicates.
 */
const endsEtcd = (request: object): boolean => {
  const text = JSON.stringify(request)
  return /"ignore(Value|Lease)":true/.test(text) && text.includes('"rangeEnd":"\\u0000"')
}

const txnRequest = (depth: number): Arbitrary<Spec<TxnRequestInit>> =>
  fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(requestOp(depth), { maxLength: 3 }),
    failure: fc.array(requestOp(depth), { maxLength: 3 }),
  }) as Arbitrary<Spec<TxnRequestInit>>

/** A oneof that is not set, and more operations than a transaction may have. */
const oddTxn = fc.oneof(
  fc.constant({ success: [{}] }),
  fc.constant({ success: [{ requestTxn: { failure: [{}] } }] }),
  fc.integer({ min: 127, max: 129 }).map((count) => ({
    success: Array.from({ length: count }, () => ({ requestRange: { key: 'a' } })),
  })),
  fc.integer({ min: 63, max: 65 }).map((count) => ({
    success: Array.from({ length: 64 }, (_, i) =>
      i > 0
        ? { requestRange: { key: 'a' } }
        : { requestTxn: { success: Array.from({ length: count }, () => ({ requestRange: { key: 'b' } })) } },
    ),
  })),
)

const stream = fc.integer({ min: 0, max: 1 })
const watchRequest = fc.record({
  key,
  rangeEnd,
  startRevision: rarely(revision),
  prevKv: sometimes,
  progressNotify: rare(fc.constant(true), 5),
  fragment: rare(fc.constant(true), 5),
  filters: rare(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }), 3),
  watchId: rare(fc.constantFrom(1, 2, 7, -5), 4),
})
/** Short ones would run out in the middle of a sequence: leases.test.ts has them. */
const ttl = fc.constantFrom(60, 100, 3600, 8_999_999_999, 9_000_000_000, 9_000_000_001)

const operation: Arbitrary<Operation> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ op: fc.constant('put' as const), request: putRequest, extra: extra(3) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      op: fc.constant('range' as const),
      request: rangeRequest,
      extra: extra(3, 4, 10, 11, 12, 13),
    }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('deleteRange' as const), request: deleteRequest }) },
  {
    weight: 12,
    arbitrary: fc.record({
      op: fc.constant('txn' as const),
      request: txnRequest(2).filter((request) => !endsEtcd(request)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('txn' as const), request: oddTxn as Arbitrary<Spec<TxnRequestInit>> }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('compact' as const),
      request: fc.record({ revision: fc.oneof(now(-6, 1), revision), physical: fc.boolean() }),
      extra: extra(1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('leaseGrant' as const),
      request: fc.record({ TTL: ttl, ID: lease }),
      extra: extra(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('leaseRevoke' as const),
      request: fc.record({ ID: lease }),
      extra: extra(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('leaseTimeToLive' as const),
      request: fc.record({ ID: lease, keys: fc.boolean() }),
      extra: extra(1),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ op: 'leaseLeases' as const, request: {} }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('leaseKeepAlive' as const), ID: lease }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('watchCreate' as const),
      stream,
      request: watchRequest,
      extra: watchExtra,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('watchCancel' as const),
      stream,
      watchId: fc.constantFrom(0, 1, 2, 7, -1, 5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('watchProgress' as const), stream }) },
  { weight: 1, arbitrary: fc.constant({ op: 'sync' as const }) },
) as Arbitrary<Operation>

export const operations: Arbitrary<Operation[]> = fc.array(operation, { minLength: 1, maxLength: 60, size: 'max' })
