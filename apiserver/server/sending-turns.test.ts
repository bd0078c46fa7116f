import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SendingTurns } from './sending-turns.ts'

describe('turns of big answers', () => {
  it('are few at a time, in order, and first for those that have begun', async () => {
    const turns = new SendingTurns(2)
    const told: string[] = []
    const take = (name: string, hasBegun: boolean): void => {
      const turn = turns.take(hasBegun)
      if (turn === undefined) told.push(name)
      else void turn.then(() => told.push(name))
    }
    for (const name of ['a', 'b', 'c', 'd']) take(name, false)
    assert.deepEqual(told, ['a', 'b'])
    // `a` waits for its reader, and is read before `d` has begun.
    turns.give()
    take('a again', true)
    turns.give()
    await Promise.resolve()
    assert.deepEqual(told, ['a', 'b', 'c', 'a again'])
    turns.give()
    turns.give()
    await Promise.resolve()
    assert.deepEqual(told, ['a', 'b', 'c', 'a again', 'd'])
    turns.give()
    turns.give()
    take('e', false)
    assert.equal(told.at(-1), 'e')
  })
})
