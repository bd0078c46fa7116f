import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLogger } from '../../component-base/logging/logger.ts'
import { FakeClock, settle } from '../testing/fake-clock.ts'
import { createWorkQueue } from '../workqueue/work-queue.ts'
import { type Reconcile, runController, TerminalError } from './worker.ts'

const log = createLogger('test')
log.level = 'silent'

const start = (reconcile: Reconcile, concurrency = 1) => {
  const clock = new FakeClock()
  const queue = createWorkQueue({ clock })
  const stop = new AbortController()
  const done = runController({ name: 'test', log, queue, concurrency, reconcile, signal: stop.signal })
  return { clock, queue, stop, done }
}

describe('runController', () => {
  it('tries a key again after its back-off, and forgets its failures once it succeeds', async () => {
    const results: string[] = []
    const { clock, queue } = start(async () => {
      results.push('run')
      if (results.length < 3) throw new Error('not yet')
      return undefined
    })
    queue.add('a')
    await clock.advance(4)
    assert.equal(results.length, 1)
    await clock.advance(1 + 10)
    assert.equal(results.length, 3)
    assert.equal(queue.failures('a'), 0)
  })

  it('does not try again what cannot be mended', async () => {
    let runs = 0
    const { clock, queue } = start(async () => {
      runs++
      throw new TerminalError('never')
    })
    queue.add('a')
    await clock.advance(3_600_000)
    assert.equal(runs, 1)
  })

  it('runs a key again when it asked for it', async () => {
    let runs = 0
    const { clock, queue } = start(async () => (++runs === 1 ? { requeueAfterMs: 60_000 } : undefined))
    queue.add('a')
    await clock.advance(59_999)
    assert.equal(runs, 1)
    await clock.advance(1)
    assert.equal(runs, 2)
  })

  it('works on as many keys at once as it may, never twice on one', async () => {
    const running: string[] = []
    let most = 0
    const gates: (() => void)[] = []
    const { queue } = start(async (key) => {
      assert.ok(!running.includes(key))
      running.push(key)
      most = Math.max(most, running.length)
      await new Promise<void>((resolve) => gates.push(resolve))
      running.splice(running.indexOf(key), 1)
      return undefined
    }, 2)
    for (const key of ['a', 'b', 'c', 'a']) queue.add(key)
    await settle()
    queue.add('a')
    for (let round = 0; round < 6; round++) {
      for (const open of gates.splice(0)) open()
      await settle()
    }
    assert.equal(most, 2)
  })

  it('ends when it is stopped and what ran has ended', async () => {
    let ended = false
    const { queue, stop, done } = start(async () => {
      await settle()
      ended = true
      return undefined
    })
    queue.add('a')
    queue.add('b')
    await Promise.resolve()
    stop.abort()
    await done
    assert.ok(ended)
  })
})
