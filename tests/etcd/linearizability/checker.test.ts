import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Call, isLinearizable } from './checker.ts'
import { bankModel, type RegisterInput, type RegisterOutput, registerModel } from './models.ts'

type RegisterCall = Call<RegisterInput, RegisterOutput>

const call = (startMs: number, endMs: number, input: RegisterInput, output?: RegisterOutput): RegisterCall => ({
  startMs,
  endMs: output === undefined ? Number.POSITIVE_INFINITY : endMs,
  input,
  output,
})
const write = (start: number, end: number, value: string, revision: number): RegisterCall =>
  call(start, end, { op: 'write', value }, { succeeded: true, revision })
const lostWrite = (start: number, value: string): RegisterCall => call(start, 0, { op: 'write', value })
const read = (start: number, end: number, value: string | undefined, revision = 0): RegisterCall =>
  call(start, end, { op: 'read' }, { value, revision })

const ok = (calls: readonly RegisterCall[]): boolean => isLinearizable(registerModel, calls)

describe('the linearizability checker', () => {
  it('accepts calls one after the other, and overlapping ones in either order', () => {
    assert.ok(ok([]))
    assert.ok(ok([read(0, 1, undefined), write(2, 3, 'a', 2), read(4, 5, 'a', 2)]))
    assert.ok(ok([write(0, 10, 'a', 2), read(1, 2, undefined), read(3, 4, 'a', 2)]))
    assert.ok(ok([write(0, 10, 'a', 3), write(0, 10, 'b', 2), read(11, 12, 'a', 3)]))
  })

  it('refuses a stale read', () => {
    assert.ok(!ok([write(0, 1, 'a', 2), read(2, 3, undefined)]))
    assert.ok(!ok([write(0, 1, 'a', 2), write(2, 3, 'b', 3), read(4, 5, 'a', 2)]))
  })

  it('refuses a read that goes back behind an earlier read', () => {
    assert.ok(!ok([write(0, 10, 'a', 2), read(1, 2, 'a', 2), read(3, 4, undefined)]))
  })

  it('refuses a lost update', () => {
    const set = (start: number, to: string, revision: number): RegisterCall =>
      call(start, start + 10, { op: 'compare-and-set', from: undefined, to }, { succeeded: true, revision })
    assert.ok(ok([set(0, 'a', 2)]))
    assert.ok(!ok([set(0, 'a', 2), set(1, 'b', 3)]))
  })

  it('refuses revisions that go back, and a read of a revision that wrote something else', () => {
    assert.ok(!ok([write(0, 1, 'a', 5), write(2, 3, 'b', 4)]))
    assert.ok(!ok([write(0, 1, 'a', 5), read(2, 3, 'a', 6)]))
  })

  it('lets a call without an answer happen late, or never, but not before its start and not twice', () => {
    assert.ok(ok([lostWrite(0, 'a'), read(1, 2, undefined), read(5, 6, 'a', 2)]))
    assert.ok(ok([lostWrite(0, 'a'), read(1, 2, undefined)]))
    assert.ok(!ok([read(0, 1, 'a', 2), lostWrite(2, 'a')]))
    assert.ok(!ok([lostWrite(0, 'a'), read(1, 2, 'a', 2), write(3, 4, 'b', 3), read(5, 6, 'a', 4)]))
  })

  it('refuses half a transaction, and money from nowhere', () => {
    const bank = bankModel(2, 10)
    const transfer = {
      startMs: 0,
      endMs: 1,
      input: { op: 'transfer', from: 0, to: 1, amount: 3, expected: [10, 10], mark: 'm' },
      output: { succeeded: true, revision: 2 },
    } as const
    const balances = (...found: number[]) =>
      ({ startMs: 2, endMs: 3, input: { op: 'read' }, output: { balances: found, revision: 2 } }) as const
    assert.ok(isLinearizable(bank, [transfer, balances(7, 13)]))
    assert.ok(!isLinearizable(bank, [transfer, balances(7, 10)]))
    assert.ok(!isLinearizable(bank, [transfer, balances(10, 10)]))
  })

  it('accepts every history that was made of one object, and refuses it with one answer changed', () => {
    const step = fc.record({
      value: fc.constantFrom('a', 'b', 'c'),
      isRead: fc.boolean(),
      before: fc.integer({ min: 0, max: 30 }),
      behind: fc.integer({ min: 0, max: 30 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 60 }), (steps) => {
        let value: string | undefined
        let revision = 1
        let written = 0
        const calls = steps.map(({ value: next, isRead, before, behind }, i) => {
          const moment = i * 10
          if (isRead) return read(moment - before, moment + behind, value, written)
          value = next
          written = ++revision
          return write(moment - before, moment + behind, next, revision)
        })
        assert.ok(ok(calls))
        const last = calls.at(-1)
        if (last !== undefined) assert.ok(!ok([...calls, read(last.endMs + 100, last.endMs + 101, 'never written', 9)]))
      }),
      { numRuns: 200 },
    )
  })
})
