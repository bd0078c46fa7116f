import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../component-base/clock.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { aPod } from '../testing.ts'
import type { PodSyncer } from './pod-syncer.ts'
import { createPodWorkers } from './pod-worker.ts'

const log = createLogger('test', -1)
log.level = 'silent'

const setUp = (overrides: Partial<PodSyncer> = {}) => {
  const calls: string[] = []
  const syncer: PodSyncer = {
    sync: async () => {
      calls.push('sync')
      return { terminal: false }
    },
    terminate: async (_pod, { graceSeconds }) => {
      calls.push(`terminate ${graceSeconds}`)
    },
    finish: async () => {
      calls.push('finish')
    },
    cleanUp: async () => {
      calls.push('cleanUp')
    },
    ...overrides,
  }
  const gone = Promise.withResolvers<void>()
  const workers = createPodWorkers({
    syncer,
    log,
    resyncMs: 60_000,
    onFreed: () => undefined,
    onGone: () => gone.resolve(),
  })
  return { calls, workers, gone: gone.promise }
}

const settle = (): Promise<void> => sleep(5)
const deleting = (seconds: number) =>
  aPod({}, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: seconds })

describe('pod workers', () => {
  it('does what comes while it is busy once, afterwards', async () => {
    let passes = 0
    const release = Promise.withResolvers<void>()
    const { workers } = setUp({
      sync: async () => {
        if (++passes === 1) await release.promise
        return { terminal: false }
      },
    })
    workers.update(aPod())
    for (let index = 0; index < 5; index++) workers.update(aPod())
    release.resolve()
    await settle()
    assert.equal(passes, 2)
    await workers.stop()
  })

  it('lets a deletion interrupt a sync and never goes back', async () => {
    const { workers, calls, gone } = setUp({
      sync: async (_pod, signal) => {
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
        return { terminal: false }
      },
    })
    workers.update(aPod())
    workers.update(deleting(30))
    await settle()
    workers.wake('u1')
    workers.remove('u1')
    await gone
    assert.deepEqual(calls, ['terminate 30', 'finish', 'cleanUp'])
    assert.equal(workers.has('u1'), false)
  })

  it('starts over with a shorter grace period, never with a longer one', async () => {
    const seen: (number | undefined)[] = []
    const { workers } = setUp({
      terminate: async (_pod, { graceSeconds, signal }) => {
        seen.push(graceSeconds)
        if (graceSeconds === 1) return
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      },
    })
    workers.update(deleting(30))
    await settle()
    workers.update(deleting(60))
    workers.update(deleting(1))
    await settle()
    assert.deepEqual(seen, [30, 1])
    await workers.stop()
  })

  it('takes a Pod that has no more work to its end', async () => {
    const { workers, calls } = setUp({ sync: async () => ({ terminal: true }) })
    workers.update(aPod())
    await settle()
    assert.deepEqual(calls, ['terminate undefined', 'finish'])
    assert.deepEqual(workers.active(), [])
    await workers.stop()
  })

  it("does not take the runtime's echo of a failed pass for news", async () => {
    let passes = 0
    const { workers } = setUp({
      sync: async () => {
        passes++
        throw new Error('no network')
      },
    })
    workers.update(aPod())
    await settle()
    workers.runtimeChanged('u1')
    await settle()
    assert.equal(passes, 1)
    workers.wake('u1')
    await settle()
    assert.equal(passes, 2)
    await workers.stop()
  })

  it('lets nothing of a rejected Pod start', async () => {
    const { workers, calls } = setUp()
    workers.update(aPod(), { reason: 'OutOfcpu', message: 'no', rejected: true })
    await settle()
    assert.deepEqual(calls, ['terminate undefined', 'finish'])
    await workers.stop()
  })
})
