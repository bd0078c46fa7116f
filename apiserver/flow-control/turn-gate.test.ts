import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TurnGate } from './turn-gate.ts'

/** A gate whose turns the test makes, and whose requests take `costMs` each. */
const aGate = (costMs: number) => {
  let now = 0
  let turn: (() => void) | undefined
  const gate = new TurnGate({
    now: () => now,
    nextTurn: (callback) => {
      turn = callback
    },
  })
  return {
    gate,
    begin: (): boolean => {
      const may = gate.enter()
      if (may) now += costMs
      return may
    },
    nextTurn: (): void => {
      const callback = turn
      turn = undefined
      callback?.()
    },
    hasTurn: () => turn !== undefined,
  }
}

/** As many requests as one turn lets begin. */
const startsOfTurn = ({ begin }: ReturnType<typeof aGate>): number => {
  let count = 0
  while (begin()) count++
  return count
}

describe('the gate of a turn', () => {
  it('learns what requests cost, and lets as many begin as fit into a few milliseconds', () => {
    for (const [costMs, expected] of [
      [0.1, 30],
      [0.6, 5],
      [30, 4],
      [0.001, 64],
    ] as const) {
      const world = aGate(costMs)
      for (let turn = 0; turn < 100; turn++) {
        startsOfTurn(world)
        world.nextTurn()
      }
      const starts = startsOfTurn(world)
      assert.ok(Math.abs(starts - expected) <= 1, `${starts} instead of ${expected} at ${costMs} ms`)
    }
  })

  it('lets all who wait begin in the next turn, one of each by turns', () => {
    const world = aGate(1)
    for (let turn = 0; turn < 100; turn++) {
      startsOfTurn(world)
      world.nextTurn()
    }
    startsOfTurn(world)
    const begun: string[] = []
    const waiter = (name: string, count: number) => {
      let left = count
      const self = {
        dispatchOne: (): boolean => {
          if (left === 0) return false
          if (!world.gate.enter()) {
            world.gate.wait(self)
            return false
          }
          begun.push(name)
          left--
          return left > 0
        },
      }
      world.gate.wait(self)
    }
    waiter('a', 5)
    waiter('b', 1)
    world.nextTurn()
    assert.deepEqual(begun, ['a', 'b', 'a', 'a'])
    world.nextTurn()
    assert.deepEqual(begun.slice(4), ['a', 'a'])
    world.nextTurn()
    assert.equal(world.hasTurn(), false)
  })
})
