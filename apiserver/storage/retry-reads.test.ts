import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '../../component-base/clock.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import { retryRead } from './retry-reads.ts'

const unavailable = () => new GrpcError(grpcCode.unavailable, 'etcdserver: leader changed')

/** Time that passes by waiting alone. */
const fastClock = (): Clock => {
  let now = 0
  return {
    now: () => now,
    setTimeout: (callback, ms) => {
      now += ms
      return setTimeout(callback, 0)
    },
    clearTimeout: (timer) => clearTimeout(timer),
  }
}

describe('a read of the store', () => {
  it('is asked again while the store is unavailable', async () => {
    let asked = 0
    const read = async () => {
      if (++asked < 5) throw unavailable()
      return 'answer'
    }
    assert.equal(await retryRead(read, 30_000, fastClock()), 'answer')
    assert.equal(asked, 5)
  })

  it('is not asked again when it fails for another reason', async () => {
    let asked = 0
    const compacted = new GrpcError(grpcCode.outOfRange, 'etcdserver: mvcc: required revision has been compacted')
    const read = async () => {
      asked++
      throw compacted
    }
    await assert.rejects(retryRead(read, 30_000, fastClock()), compacted)
    assert.equal(asked, 1)
  })

  it('fails with the last error after a hundred attempts', async () => {
    let asked = 0
    const read = async () => {
      asked++
      throw unavailable()
    }
    await assert.rejects(retryRead(read, 30_000, fastClock()), /leader changed/)
    assert.equal(asked, 100)
  })

  it('fails after five seconds where each attempt takes long, and gives each what is left of its time', async () => {
    const clock = fastClock()
    const given: number[] = []
    const read = async (timeoutMs: number) => {
      given.push(timeoutMs)
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 2_000))
      throw unavailable()
    }
    await assert.rejects(retryRead(read, 30_000, clock), /leader changed/)
    assert.equal(given.length, 3)
    assert.equal(given[0], 30_000)
    assert.ok((given[2] ?? 0) < 26_000)
  })
})
