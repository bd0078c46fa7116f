import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { arrange, EndpointSlots } from './endpoint-slots.ts'

describe('slots of endpoints', () => {
  const texts = fc.uniqueArray(fc.stringMatching(/^[a-f]{1,2}$/), { maxLength: 12 })

  it('holds exactly what is wanted, without holes, and moves as little as it can', () => {
    fc.assert(
      fc.property(texts, texts, (before, wanted) => {
        const after = arrange(before, wanted)
        assert.deepEqual(after.toSorted(), wanted.toSorted())
        const kept = before.filter((text, index) => wanted.includes(text) && index < wanted.length)
        for (const text of kept) assert.equal(after.indexOf(text), before.indexOf(text))
      }),
    )
  })

  it('changes one slot when one of many endpoints is exchanged', () => {
    assert.deepEqual(arrange(['a', 'b', 'c'], ['a', 'c', 'd']), ['a', 'd', 'c'])
  })

  it('fills the hole of an endpoint that went with the last one', () => {
    assert.deepEqual(arrange(['a', 'b', 'c', 'd'], ['a', 'c', 'd']), ['a', 'd', 'c'])
  })

  it('never gives two chains the same slots of a map', () => {
    const step = fc.record({ chain: fc.nat(5), count: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const slots = new EndpointSlots()
        const blocks = new Map<number, ReturnType<EndpointSlots['place']>>()
        for (const { chain, count } of steps) {
          if (count === 0) {
            slots.release(String(chain))
            blocks.delete(chain)
            continue
          }
          const wanted = Array.from({ length: count }, (_, index) => `10.0.${chain}.${index} . 80`)
          // Few SCTP maps: chains share them.
          blocks.set(chain, slots.place(String(chain), 'sctp', wanted))
        }
        const used = new Set<string>()
        for (const { map, offset, capacity, texts: held } of blocks.values()) {
          assert.ok(held.length <= capacity)
          for (let slot = offset; slot < offset + capacity; slot++) {
            assert.ok(!used.has(`${map}/${slot}`))
            used.add(`${map}/${slot}`)
          }
        }
      }),
    )
  })
})
