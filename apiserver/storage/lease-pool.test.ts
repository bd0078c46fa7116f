import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLeasePool } from './lease-pool.ts'

const setUp = () => {
  const granted: number[] = []
  let now = 1_000_000
  const clock = { now: () => now, setTimeout, clearTimeout }
  const lease = createLeasePool(async (ttlSeconds) => String(granted.push(ttlSeconds)), clock)
  return { granted, lease, pass: (seconds: number) => (now += seconds * 1000) }
}

describe('leases of objects that expire', () => {
  it('serve many objects for a minute, and live as much longer', async () => {
    const { granted, lease, pass } = setUp()
    assert.equal(await lease(3600), '1')
    pass(59)
    assert.equal(await lease(3600), '1')
    pass(2)
    assert.equal(await lease(3600), '2')
    assert.deepEqual(granted, [3660, 3660])
  })

  it('of short lives are given out for a twentieth of them', async () => {
    const { granted, lease, pass } = setUp()
    assert.equal(await lease(100), '1')
    pass(4)
    assert.equal(await lease(100), '1')
    pass(1)
    assert.equal(await lease(100), '2')
    assert.equal(await lease(3), '3')
    assert.equal(await lease(3), '4')
    assert.deepEqual(granted, [105, 105, 3, 3])
  })

  it('serve a thousand objects at most', async () => {
    const { granted, lease } = setUp()
    for (let index = 0; index < 1001; index++) await lease(3600)
    assert.equal(granted.length, 2)
  })

  it('that could not be granted are asked for again', async () => {
    let asked = 0
    const clock = { now: () => 0, setTimeout, clearTimeout }
    const lease = createLeasePool(async () => {
      if (++asked === 1) throw new Error('no leader')
      return 'id'
    }, clock)
    await assert.rejects(lease(3600), /no leader/)
    assert.equal(await lease(3600), 'id')
  })
})
