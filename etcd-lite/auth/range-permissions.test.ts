import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Permission, permissionType } from '../../component-base/etcd/auth-messages.ts'
import { intervalOf, isValidRange, mergeIntervals, RangePermissions } from './range-permissions.ts'

const letters = ['a', 'b', 'c', 'd']
/** All keys of one and two letters: enough to lie on, between and beyond every bound that is generated. */
const keys = letters.flatMap((first) => [first, ...letters.map((second) => first + second)]).toSorted()

const key = fc.constantFrom(...keys).map((text) => Buffer.from(text))
const rangeEnd = fc.oneof(
  { weight: 2, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 5, arbitrary: key },
  { weight: 1, arbitrary: fc.constant(Buffer.from([0])) },
)
const range = fc.record({ key, rangeEnd })
const permission: fc.Arbitrary<Permission> = fc
  .record({ permType: fc.constantFrom(...Object.values(permissionType)), key, rangeEnd })
  .filter((perm) => isValidRange(perm.key, perm.rangeEnd))

/** A key far behind all others stands for what only an open end reaches. */
const universe = [...keys, ...keys.map((text) => `${text}\0`), 'zzz'].toSorted()
const isIn = (text: string, { key: from, rangeEnd: end }: { key: Buffer; rangeEnd: Buffer }): boolean => {
  if (end.length === 0) return text === String(from)
  return text >= String(from) && (end.equals(Buffer.from([0])) || text < String(end))
}

/** Whether every key that the range can name is in some permission: no intervals, no merging. */
const naivelyPermits = (permissions: readonly Permission[], type: number, asked: { key: Buffer; rangeEnd: Buffer }) => {
  const named = universe.filter((text) => isIn(text, asked))
  return named.every((text) =>
    permissions.some(
      (perm) => (perm.permType === type || perm.permType === permissionType.readWrite) && isIn(text, perm),
    ),
  )
}

describe('RangePermissions', () => {
  it('permits exactly the ranges whose every key some permission has', () => {
    fc.assert(
      fc.property(fc.array(permission, { maxLength: 8 }), range, (permissions, asked) => {
        fc.pre(isValidRange(asked.key, asked.rangeEnd))
        const merged = new RangePermissions(permissions)
        const interval = intervalOf(asked.key, asked.rangeEnd)
        assert.equal(merged.permits('read', interval), naivelyPermits(permissions, permissionType.read, asked))
        assert.equal(merged.permits('write', interval), naivelyPermits(permissions, permissionType.write, asked))
      }),
      { numRuns: 3000 },
    )
  })

  it('joins ranges that touch and keeps those with a gap apart', () => {
    assert.deepEqual(
      mergeIntervals([
        { start: 'c', end: 'd' },
        { start: 'a', end: 'b' },
        { start: 'b', end: 'bb' },
        { start: 'a', end: 'aa' },
        { start: 'x', end: undefined },
        { start: 'y', end: 'z' },
      ]),
      [
        { start: 'a', end: 'bb' },
        { start: 'c', end: 'd' },
        { start: 'x', end: undefined },
      ],
    )
  })

  it('gives no access for a type that it does not know', () => {
    const none = new RangePermissions([{ permType: 7, key: Buffer.from('a'), rangeEnd: Buffer.from([0]) }])
    assert.equal(none.permits('read', intervalOf(Buffer.from('a'), Buffer.alloc(0))), false)
    assert.equal(none.permits('write', intervalOf(Buffer.from('a'), Buffer.alloc(0))), false)
  })
})
