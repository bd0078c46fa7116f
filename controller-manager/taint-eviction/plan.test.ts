import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, Taint, Toleration } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { planEviction } from './plan.ts'

const taint = (key: string, addedMs: number): Taint => ({
  key,
  effect: 'NoExecute',
  timeAdded: new Date(addedMs).toISOString(),
})
const tolerating = (...tolerations: Toleration[]): Pod => {
  const pod = aPod('p', { node: 'n' })
  return { ...pod, spec: { containers: [], ...pod.spec, tolerations } }
}

describe('planEviction', () => {
  it('evicts at once what does not tolerate the taint', () => {
    assert.deepEqual(planEviction(tolerating(), [taint('a', testNowMs)], testNowMs), { type: 'evict' })
  })

  it('leaves alone what tolerates it without limit, and other effects', () => {
    const all = tolerating({ operator: 'Exists' })
    assert.deepEqual(planEviction(all, [taint('a', testNowMs)], testNowMs), { type: 'stay' })
    assert.deepEqual(planEviction(tolerating(), [{ key: 'a', effect: 'NoSchedule' }], testNowMs), { type: 'stay' })
  })

  it('waits for the shortest toleration, counted from the taint and not from now', () => {
    const pod = tolerating(
      { key: 'a', operator: 'Exists', tolerationSeconds: 300 },
      { key: 'b', operator: 'Exists', tolerationSeconds: 60 },
    )
    const taints = [taint('a', testNowMs - 10_000), taint('b', testNowMs - 10_000)]
    assert.deepEqual(planEviction(pod, taints, testNowMs), { type: 'evictAt', atMs: testNowMs + 50_000 })
    assert.deepEqual(planEviction(pod, taints, testNowMs + 50_000), { type: 'evict' })
  })
})
