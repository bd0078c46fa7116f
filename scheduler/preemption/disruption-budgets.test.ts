import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'
import { aPod } from '../testing/fixtures.ts'
import { divideByBudgets } from './disruption-budgets.ts'

const budget = (allowed: number, change: Partial<PodDisruptionBudget> = {}): PodDisruptionBudget => ({
  metadata: { name: 'pdb', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'db' } } },
  status: { disruptionsAllowed: allowed, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 },
  ...change,
})
const db = (): Pod => aPod({}, { app: 'db' })
const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata?.name)

describe('divideByBudgets', () => {
  it('lets as many go as the budget has left, in order', () => {
    const pods = [db(), db(), db()]
    const { violating, allowed } = divideByBudgets(pods, [budget(2)])
    assert.deepEqual(names(allowed), names(pods.slice(0, 2)))
    assert.deepEqual(names(violating), names(pods.slice(2)))
  })

  const table: readonly [string, PodDisruptionBudget, Pod][] = [
    ['of another namespace', budget(0, { metadata: { name: 'pdb', namespace: 'other' } }), db()],
    ['that matches other labels', budget(0), aPod({}, { app: 'web' })],
    ['with an empty selector', budget(0, { spec: { selector: {} } }), db()],
    ['without a selector', budget(0, { spec: {} }), db()],
  ]
  for (const [what, pdb, pod] of table) {
    it(`is not bound by a budget ${what}`, () => assert.equal(divideByBudgets([pod], [pdb]).violating.length, 0))
  }

  it('does not count a Pod twice whose eviction the API server knows', () => {
    const pod = db()
    const status = { disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 3, expectedPods: 3 }
    const known = { disruptedPods: { [pod.metadata?.name ?? '']: '2026-01-01T00:00:00Z' } }
    assert.equal(divideByBudgets([pod], [budget(0, { status: { ...status, ...known } })]).violating.length, 0)
  })

  it('takes a Pod of two budgets off both', () => {
    const both = [budget(1), budget(1, { spec: { selector: { matchLabels: { tier: 'x' } } } })]
    const pods = [aPod({}, { app: 'db', tier: 'x' }), aPod({}, { tier: 'x' })]
    assert.deepEqual(names(divideByBudgets(pods, both).violating), names(pods.slice(1)))
  })
})
