import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pickDevices, withPreference } from './pick.ts'

const healthy = ['d', 'b', 'a', 'c']
const pick = (count: number, fields: { reusable?: string[]; inUse?: string[] } = {}) =>
  pickDevices({
    resource: 'a.com/d',
    count,
    healthy,
    reusable: fields.reusable ?? [],
    inUse: new Set(fields.inUse ?? []),
  })

describe('devices for a container', () => {
  it('are free and healthy ones', () => {
    assert.deepEqual(withPreference(pick(2, { inUse: ['a'] }), []), ['b', 'c'])
  })

  it('are first those of an init container before it', () => {
    assert.deepEqual(withPreference(pick(2, { reusable: ['d'], inUse: ['d'] }), []), ['d', 'a'])
  })

  it('are those that the plugin prefers, if they may be had', () => {
    assert.deepEqual(withPreference(pick(2, { inUse: ['a'] }), ['a', 'd']), ['d', 'b'])
  })

  it('are too few in upstream’s words', () => {
    assert.throws(() => pick(3, { inUse: ['a', 'b'] }), {
      message: 'requested number of devices unavailable for a.com/d. Requested: 3, Available: 2',
    })
  })

  it('are always as many as were asked for, each once, and nobody else’s', () => {
    const some = fc.subarray(healthy)
    fc.assert(
      fc.property(fc.nat(4), some, some, some, (count, reusable, inUse, preferred) => {
        const others = inUse.filter((id) => !reusable.includes(id))
        const enough = count <= healthy.length - others.length
        const get = () => withPreference(pick(count, { reusable, inUse: [...inUse, ...reusable] }), preferred)
        if (!enough && count > reusable.length) {
          assert.throws(get)
          return
        }
        let ids: string[]
        try {
          ids = get()
        } catch {
          // What an init container has beyond the count stays its own.
          assert.ok(count > reusable.length)
          return
        }
        assert.equal(new Set(ids).size, count)
        assert.ok(ids.every((id) => !others.includes(id)))
      }),
    )
  })
})
