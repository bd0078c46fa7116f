import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts'
import { wheneverChanged } from './whenever-changed.ts'

/** A cache that changes when the test says so. */
const fakeCache = (): { cache: WatchCache; change: () => void } => {
  let listener = (): void => undefined
  const cache = { onChange: (called: () => void) => void (listener = called) } as unknown as WatchCache
  return { cache, change: () => listener() }
}

const noError = (error: unknown): void => assert.fail(String(error))

describe('work that recurs', () => {
  it('is done at first, after every change, and once more for those that come while it runs', async () => {
    const { cache, change } = fakeCache()
    const end = new AbortController()
    let rounds = 0
    const work = async (): Promise<undefined> => {
      rounds++
      if (rounds === 1) change()
      if (rounds === 2) setImmediate(change)
      if (rounds === 3) end.abort()
    }
    await wheneverChanged({ caches: [cache], work, onError: noError }, end.signal)
    assert.equal(rounds, 3)
  })

  it('is done again after a while where it says so, after a failure, and without any change', async () => {
    const { cache } = fakeCache()
    const end = new AbortController()
    const errors: string[] = []
    let rounds = 0
    const work = async (): Promise<number | undefined> => {
      rounds++
      if (rounds === 1) return 1
      if (rounds === 2) throw new Error('this time')
      if (rounds === 4) end.abort()
      return undefined
    }
    const onError = (error: unknown): void => void errors.push(String(error))
    const alive = setInterval(() => undefined, 1000)
    await wheneverChanged({ caches: [cache], work, onError, resyncMs: 1 }, end.signal)
    clearInterval(alive)
    assert.deepEqual([rounds, errors], [4, ['Error: this time']])
  })
})
