import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CidrSet } from './cidr-set.ts'

describe('CidrSet', () => {
  it('gives out ranges in turn and says when there are no more', () => {
    const set = new CidrSet('10.244.0.0/23', 24)
    assert.deepEqual([set.allocate(), set.allocate(), set.allocate()], ['10.244.0.0/24', '10.244.1.0/24', undefined])
  })

  it('lets a released range rest before it is given again', () => {
    const set = new CidrSet('10.244.0.0/22', 24)
    const first = set.allocate() ?? ''
    set.release(first)
    assert.equal(set.allocate(), '10.244.1.0/24')
  })

  it('keeps out everything that overlaps an occupied range', () => {
    const set = new CidrSet('10.0.0.0/22', 24)
    set.occupy('10.0.1.128/25')
    set.occupy('10.0.2.0/23')
    set.occupy('192.168.0.0/16')
    assert.deepEqual([set.allocate(), set.allocate()], ['10.0.0.0/24', undefined])
  })

  it('knows IPv6 as RFC 5952 spells it', () => {
    const set = new CidrSet('fd00:10:244::/56', 64)
    assert.deepEqual([set.allocate(), set.allocate()], ['fd00:10:244::/64', 'fd00:10:244:1::/64'])
    assert.equal(set.family, 'IPv6')
  })

  it('refuses what cannot be split', () => {
    assert.throws(() => new CidrSet('10.0.0.0/24', 16), RangeError)
    assert.throws(() => new CidrSet('10.0.0/24', 26), RangeError)
    assert.throws(() => new CidrSet('fd00::/16', 64), RangeError)
  })
})
