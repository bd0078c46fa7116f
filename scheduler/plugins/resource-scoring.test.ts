import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  balance,
  balanceGained,
  brokenLinear,
  leastAllocated,
  mostAllocated,
  requestedToCapacityRatio,
} from './resource-scoring.ts'

const both = [{ name: 'cpu' }, { name: 'memory' }]

describe('scores of allocation', () => {
  const cases = [
    { requested: [1000, 0], allocatable: [4000, 10_000], least: 87, most: 12 },
    { requested: [3000, 5000], allocatable: [4000, 10_000], least: 37, most: 62 },
    { requested: [6000, 5000], allocatable: [4000, 10_000], least: 25, most: 75 },
    { requested: [3000, 5000], allocatable: [4000, 0], least: 25, most: 75 },
    { requested: [0, 0], allocatable: [0, 0], least: 0, most: 0 },
  ]
  for (const { requested, allocatable, least, most } of cases) {
    it(`of ${requested} in ${allocatable} are ${least} for the emptiest and ${most} for the fullest`, () => {
      assert.equal(leastAllocated(both)(requested, allocatable), least)
      assert.equal(mostAllocated(both)(requested, allocatable), most)
    })
  }

  it('weigh resources', () => {
    const weighted = [
      { name: 'cpu', weight: 3 },
      { name: 'memory', weight: 1 },
    ]
    assert.equal(leastAllocated(weighted)([1000, 9000], [4000, 10_000]), Math.floor((75 * 3 + 10) / 4))
  })
})

describe('brokenLinear', () => {
  const shape = [
    { utilization: 10, score: 1 },
    { utilization: 30, score: 7 },
    { utilization: 80, score: 2 },
  ]
  const line = brokenLinear(shape)
  for (const [utilization, score] of [
    [0, 1],
    [10, 1],
    [20, 4],
    [30, 7],
    [50, 5],
    [80, 2],
    [100, 2],
  ]) {
    it(`is ${score} at ${utilization}`, () => assert.equal(line(utilization ?? 0), score))
  }
})

describe('requestedToCapacityRatio', () => {
  const packing = [
    { utilization: 0, score: 0 },
    { utilization: 100, score: 10 },
  ]
  it('packs nodes with a rising shape', () => {
    assert.equal(requestedToCapacityRatio(both, packing)([3000, 5000], [4000, 10_000]), 63)
  })
  it('passes over resources that score nothing, and takes more than all as all', () => {
    assert.equal(requestedToCapacityRatio(both, packing)([0, 20_000], [4000, 10_000]), 100)
  })
})

describe('balance', () => {
  it('is half the difference of two shares, and the standard deviation of more', () => {
    assert.equal(balance([1000, 5000], [4000, 10_000]), 87)
    assert.equal(balance([4000, 0], [4000, 10_000]), 50)
    assert.equal(balance([10, 50, 90], [100, 100, 100]), 67)
    assert.equal(balance([10], [100]), 100)
  })
  it('of a Pod is what it gains or costs the node', () => {
    const allocatable = [4000, 10_000]
    assert.equal(balanceGained([2000, 5000], [0, 5000], allocatable), 87)
    assert.equal(balanceGained([2000, 0], [0, 0], allocatable), 62)
    assert.equal(balanceGained([2000, 5000], [0, 0], allocatable), 75)
  })
})
