import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { events } from '../api/resources.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { limitEvents } from './recorder.ts'

describe('limitEvents', () => {
  const written = async (rate: { readonly qps: number; readonly burst: number }, count: number): Promise<number> => {
    const create = (async (_ref: unknown, object: unknown) => object) as RestClient['create']
    const client = limitEvents({ create, patch: (() => assert.fail()) as RestClient['patch'] }, rate)
    const startedAt = performance.now()
    for (let i = 0; i < count; i++) await client.create(events, { metadata: {} } as never)
    return performance.now() - startedAt
  }

  it('lets a burst through, and makes the rest wait for its turn', async () => {
    assert.ok((await written({ qps: 50, burst: 5 }, 8)) >= 55)
    assert.ok((await written({ qps: 1, burst: 100 }, 100)) < 900)
  })

  it('is no limit at a rate of 0', async () => {
    assert.ok((await written({ qps: 0, burst: 1 }, 1_000)) < 900)
  })
})
