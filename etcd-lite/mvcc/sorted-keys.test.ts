import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SortedKeys } from './sorted-keys.ts'

const list = (set: SortedKeys<{ key: string }>, start = '', end?: string): string[] => {
  const keys: string[] = []
  set.forRange(start, end, ({ key }) => keys.push(key))
  return keys
}

describe('SortedKeys', () => {
  it('behaves like a sorted array', () => {
    const key = fc.string({ maxLength: 3 })
    const command = fc.record({ type: fc.constantFrom('add', 'delete', 'range'), key, end: fc.option(key) })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
        const set = new SortedKeys<{ key: string }>()
        const model = new Set<string>()
        for (const { type, key: name, end } of commands) {
          if (type === 'add' && !model.has(name)) {
            model.add(name)
            set.add({ key: name })
          } else if (type === 'delete') assert.equal(set.delete(name), model.delete(name))
          else {
            const expected = [...model]
              .filter((k) => k >= name && (end === null || k < end))
              .toSorted((a, b) => (a < b ? -1 : 1))
            assert.deepEqual(list(set, name, end ?? undefined), expected)
          }
          assert.equal(set.get(name)?.key, model.has(name) ? name : undefined)
          assert.equal(set.size, model.size)
        }
      }),
    )
  })

  it('keeps order across many split and emptied chunks', () => {
    const set = new SortedKeys<{ key: string }>()
    const names = Array.from({ length: 5000 }, (_, i) => String((i * 7919) % 5000).padStart(5, '0'))
    for (const key of names) set.add({ key })
    assert.deepEqual(list(set), names.toSorted())
    assert.deepEqual(list(set, '01000', '01003'), ['01000', '01001', '01002'])
    for (const key of names) if (key >= '00500' && key < '04500') set.delete(key)
    assert.equal(set.size, 1000)
    assert.deepEqual(list(set, '00499', '04501'), ['00499', '04500'])
    set.add({ key: '02000' })
    assert.deepEqual(list(set, '00499', '04501'), ['00499', '02000', '04500'])
  })
})
