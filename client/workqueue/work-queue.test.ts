import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClock } from '../testing/fake-clock.ts'
import { bucketRateLimiter, exponentialRateLimiter } from './rate-limiter.ts'
import { createWorkQueue } from './work-queue.ts'

const aQueue = () => {
  const clock = new FakeClock()
  return { clock, queue: createWorkQueue({ clock }) }
}

describe('WorkQueue', () => {
  it('gives keys out in the order of their first add, each once', async () => {
    const { queue } = aQueue()
    for (const key of ['a', 'b', 'a']) queue.add(key)
    assert.equal(await queue.get(), 'a')
    assert.equal(await queue.get(), 'b')
    assert.equal(queue.length(), 0)
  })

  it('keeps a key back while it is worked on and gives it out again afterwards, once', async () => {
    const { queue } = aQueue()
    queue.add('a')
    await queue.get()
    queue.add('a')
    queue.add('a')
    assert.equal(queue.length(), 0)
    queue.done('a')
    assert.equal(queue.length(), 1)
    await queue.get()
    queue.done('a')
    assert.equal(queue.length(), 0)
  })

  it('wakes those who wait, in turn', async () => {
    const { queue } = aQueue()
    const waiting = [queue.get(), queue.get()]
    queue.add('a')
    queue.add('b')
    assert.deepEqual(await Promise.all(waiting), ['a', 'b'])
  })

  it('takes the earlier of two delays', async () => {
    for (const delays of [
      [100, 5_000],
      [5_000, 100],
    ]) {
      const { clock, queue } = aQueue()
      for (const ms of delays) queue.addAfter('a', ms)
      await clock.advance(99)
      assert.equal(queue.length(), 0)
      await clock.advance(1)
      assert.equal(queue.length(), 1)
      assert.equal(clock.timers, 0)
    }
  })

  it('keeps the delayed run of a key that runs before for another reason', async () => {
    const { clock, queue } = aQueue()
    queue.addAfter('a', 1_000)
    queue.add('a')
    await queue.get()
    queue.done('a')
    await clock.advance(1_000)
    assert.equal(queue.length(), 1)
  })

  it('backs off from 5 ms, doubling, until the key is forgotten', async () => {
    const { clock, queue } = aQueue()
    for (const ms of [5, 10, 20]) {
      queue.addRateLimited('a')
      await clock.advance(ms - 1)
      assert.equal(queue.length(), 0, `before ${ms} ms`)
      await clock.advance(1)
      assert.equal(await queue.get(), 'a')
      queue.done('a')
    }
    assert.equal(queue.failures('a'), 3)
    queue.forget('a')
    assert.equal(queue.failures('a'), 0)
  })

  it('ends all who wait at shutdown, and leaves no timer', async () => {
    const { clock, queue } = aQueue()
    const waiting = queue.get()
    queue.addAfter('a', 1_000)
    queue.shutdown()
    assert.equal(await waiting, undefined)
    assert.equal(await queue.get(), undefined)
    assert.equal(clock.timers, 0)
  })
})

describe('rate limiters', () => {
  it('never ask for more than the maximum', () => {
    const limiter = exponentialRateLimiter(5, 1_000)
    for (let count = 0; count < 100; count++) assert.ok(limiter.when('a') <= 1_000)
    assert.equal(limiter.when('a'), 1_000)
  })

  it('let a burst through and then the rate', async () => {
    const clock = new FakeClock()
    const limiter = bucketRateLimiter(10, 3, clock)
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => limiter.when('a')),
      [0, 0, 0, 100, 200],
    )
    await clock.advance(1_000)
    assert.equal(limiter.when('a'), 0)
  })
})
