import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Behavior, emptyHistory, type History, settleByBehavior, settleByDefault, trimmed } from './behavior.ts'

const nowMs = 1_000_000
const windowMs = 300_000
const wish = (current: number, desired: number, min = 1, max = 100) => ({ current, desired, min, max, nowMs })
const recommended = (...list: [replicas: number, agoSeconds: number][]): History => ({
  ...emptyHistory,
  recommendations: list.map(([replicas, ago]) => ({ replicas, atMs: nowMs - ago * 1000 })),
})

describe('an autoscaler without behavior', () => {
  const cases: [
    title: string,
    current: number,
    desired: number,
    history: History,
    replicas: number,
    limited: string,
  ][] = [
    ['grows to what is recommended', 3, 5, emptyHistory, 5, 'DesiredWithinRange'],
    ['at most doubles', 10, 50, emptyHistory, 20, 'ScaleUpLimit'],
    ['may go to four at once', 1, 50, emptyHistory, 4, 'ScaleUpLimit'],
    ['stays within its maximum', 80, 150, emptyHistory, 100, 'TooManyReplicas'],
    ['stays within its minimum', 3, 0, emptyHistory, 1, 'TooFewReplicas'],
    ['does not shrink below a recent recommendation', 10, 2, recommended([8, 100], [3, 10]), 8, 'DesiredWithinRange'],
    ['forgets what is older than the window', 10, 2, recommended([8, 301]), 2, 'DesiredWithinRange'],
  ]
  for (const [title, current, desired, history, replicas, reason] of cases) {
    it(title, () => {
      const settled = settleByDefault(wish(current, desired), history, windowMs)
      assert.equal(settled.replicas, replicas)
      assert.equal(settled.limited.reason, reason)
    })
  }

  it('says why it waits', () => {
    const { stabilized } = settleByDefault(wish(10, 2), recommended([8, 100]), windowMs)
    assert.equal(stabilized.reason, 'ScaleDownStabilized')
    assert.equal(settleByDefault(wish(10, 9), emptyHistory, windowMs).stabilized.reason, 'ReadyForNewScale')
  })
})

describe('an autoscaler with behavior', () => {
  const behavior = (more: Behavior = {}): Behavior => ({
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 60 },
        { type: 'Percent', value: 100, periodSeconds: 60 },
      ],
      ...more.scaleUp,
    },
    scaleDown: {
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }],
      stabilizationWindowSeconds: 0,
      ...more.scaleDown,
    },
  })
  const settle = (current: number, desired: number, more: Behavior = {}, history = emptyHistory, min = 1, max = 100) =>
    settleByBehavior(wish(current, desired, min, max), history, behavior(more), windowMs)

  it('takes the policy that lets the most through', () => {
    assert.equal(settle(2, 50).replicas, 6)
    assert.equal(settle(10, 50).replicas, 20)
    assert.equal(settle(10, 50).limited.reason, 'ScaleUpLimit')
  })

  it('takes the policy that lets the least through, if asked to', () => {
    assert.equal(settle(10, 50, { scaleUp: { selectPolicy: 'Min' } }).replicas, 14)
  })

  it('does not move where a direction is disabled', () => {
    assert.equal(settle(10, 50, { scaleUp: { selectPolicy: 'Disabled' } }).replicas, 10)
    assert.equal(settle(10, 1, { scaleDown: { selectPolicy: 'Disabled' } }).replicas, 10)
  })

  it('counts what was changed in the period', () => {
    const history: History = { ...emptyHistory, ups: [{ change: 4, atMs: nowMs - 30_000 }] }
    // Six now, two a minute ago: four more than two is what there is.
    assert.equal(settle(6, 50, {}, history).replicas, 6)
    const old: History = { ...emptyHistory, ups: [{ change: 4, atMs: nowMs - 61_000 }] }
    assert.equal(settle(6, 50, {}, old).replicas, 12)
  })

  it('shrinks by half', () => {
    const { replicas, limited } = settle(11, 1)
    assert.equal(replicas, 5)
    assert.equal(limited.reason, 'ScaleDownLimit')
  })

  it('waits for the lowest recommendation before it grows', () => {
    const settled = settle(3, 6, { scaleUp: { stabilizationWindowSeconds: 60 } }, recommended([4, 30], [2, 90]))
    assert.equal(settled.replicas, 4)
    assert.equal(settled.stabilized.reason, 'ScaleUpStabilized')
  })

  it('never leaves the range, and never goes against the recommendations', () => {
    const count = fc.integer({ min: 1, max: 60 })
    const event = fc.record({
      change: fc.integer({ min: 1, max: 10 }),
      atMs: fc.integer({ min: nowMs - 200_000, max: nowMs }),
    })
    const history = fc.record({
      recommendations: fc.array(fc.record({ replicas: count, atMs: fc.integer({ min: nowMs - 400_000, max: nowMs }) })),
      ups: fc.array(event, { maxLength: 3 }),
      downs: fc.array(event, { maxLength: 3 }),
    })
    fc.assert(
      fc.property(count, count, history, (current, desired, past) => {
        for (const { replicas } of [
          settle(current, desired, {}, past, 1, 60),
          settleByDefault(wish(current, desired, 1, 60), past, windowMs),
        ]) {
          assert.ok(replicas >= 1 && replicas <= 60)
          const all = [desired, ...past.recommendations.map((recommendation) => recommendation.replicas)]
          if (replicas > current) assert.ok(replicas <= Math.max(...all), 'more than anybody recommended')
          if (replicas < current) assert.ok(replicas >= Math.min(...all), 'fewer than anybody recommended')
        }
      }),
    )
  })
})

describe('the history of an autoscaler', () => {
  it('keeps what a window or a period still reaches', () => {
    const history: History = {
      recommendations: [299_000, 301_000].map((ago) => ({ replicas: 1, atMs: nowMs - ago })),
      ups: [14_000, 16_000].map((ago) => ({ change: 1, atMs: nowMs - ago })),
      downs: [],
    }
    const rules = { policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }] }
    const kept = trimmed(history, { scaleUp: rules }, windowMs, nowMs)
    assert.equal(kept.recommendations.length, 1)
    assert.equal(kept.ups.length, 1)
  })
})
