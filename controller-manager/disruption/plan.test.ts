import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { deletionTimeoutMs, planBudget } from './plan.ts'
import { staleAfterMs, staleAtMs } from './stale-condition.ts'

const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const aBudget = (
  spec: PodDisruptionBudget['spec'],
  disruptedPods: Readonly<Record<string, string>> = {},
): PodDisruptionBudget => ({
  metadata: { name: 'b', generation: 3 },
  spec: { selector: {}, ...spec },
  status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0, disruptedPods } as never,
})
const pods = (count: number): Pod[] => Array.from({ length: count }, (_, index) => aPod(`p${index}`))
const plan = (budget: PodDisruptionBudget, of: readonly Pod[], wanted = of.length) =>
  planBudget({ budget, pods: of, wanted, nowMs: testNowMs })

describe('planBudget', () => {
  const cases: readonly (readonly [PodDisruptionBudget['spec'], number, number, number])[] = [
    // spec, Pods, wanted replicas → allowed
    [{ minAvailable: 3 }, 5, 5, 2],
    [{ minAvailable: 5 }, 5, 5, 0],
    [{ minAvailable: '50%' }, 5, 5, 2],
    [{ minAvailable: '100%' }, 5, 5, 0],
    [{ maxUnavailable: 1 }, 5, 5, 1],
    [{ maxUnavailable: '30%' }, 10, 10, 3],
    // Fewer Pods than wanted count as down already.
    [{ maxUnavailable: 1 }, 4, 5, 0],
    [{ minAvailable: '50%' }, 4, 8, 0],
    [{ minAvailable: 1 }, 0, 0, 0],
  ]
  for (const [spec, count, wanted, allowed] of cases) {
    it(`allows ${allowed} of ${count} (wanted ${wanted}) with ${JSON.stringify(spec)}`, () => {
      const { status } = plan(aBudget(spec), pods(count), wanted)
      assert.equal(status.disruptionsAllowed, allowed)
      assert.equal(status.observedGeneration, 3)
      assert.equal(status.conditions?.[0]?.reason, allowed > 0 ? 'SufficientPods' : 'InsufficientPods')
    })
  }

  it('counts neither what is not ready, nor what goes, nor what was granted to go', () => {
    const of = [...pods(3), aPod('unready', { ready: false }), aPod('going', { deleting: true })]
    const { status } = plan(aBudget({ minAvailable: 1 }, { p0: at(testNowMs - 1000) }), of)
    assert.equal(status.currentHealthy, 2)
    assert.deepEqual(Object.keys(status.disruptedPods ?? {}), ['p0'])
  })

  it('forgets a granted eviction that nobody sees happen, and tells of it', () => {
    const budget = aBudget({ minAvailable: 1 }, { p0: at(testNowMs - deletionTimeoutMs), p1: at(testNowMs - 20_000) })
    const { status, notDeleted, requeueAfterMs } = plan(budget, pods(3))
    assert.deepEqual(Object.keys(status.disruptedPods ?? {}), ['p1'])
    assert.deepEqual(
      notDeleted.map(({ metadata }) => metadata?.name),
      ['p0'],
    )
    assert.equal(requeueAfterMs, deletionTimeoutMs - 20_000)
  })
})

describe('the condition DisruptionTarget', () => {
  const marked = (reason: string, more: Parameters<typeof aPod>[1] = {}): Pod => {
    const pod = aPod('p', more)
    const condition = { type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: at(testNowMs) }
    return { ...pod, status: { ...pod.status, conditions: [condition as never] } }
  }
  it('is stale two minutes later where the Pod is still there', () => {
    assert.equal(staleAtMs(marked('EvictionByEvictionAPI')), testNowMs + staleAfterMs)
  })
  it('is not where the Pod goes, has ended, or is ended by its kubelet', () => {
    assert.equal(staleAtMs(marked('EvictionByEvictionAPI', { deleting: true })), undefined)
    assert.equal(staleAtMs(marked('EvictionByEvictionAPI', { phase: 'Failed' })), undefined)
    assert.equal(staleAtMs(marked('TerminationByKubelet')), undefined)
    assert.equal(staleAtMs(aPod('p')), undefined)
  })
})
