import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'node:test'
import type { HttpContext } from './context.ts'
import { SlowReaders } from './slow-readers.ts'

/** A reader, and what the server does of its own accord: `waits` are the seats that it gave back. */
const aReader = (slowReaders: SlowReaders) => {
  const socket = new EventEmitter() as unknown as HttpContext['response']
  const state = { waits: 0 }
  const reader = slowReaders.reader(socket, { response: socket, answerWaits: () => state.waits++ })
  return { state, reader, drain: () => (socket as unknown as EventEmitter).emit('drain'), socket }
}

describe('answers that wait for their readers', () => {
  it('go on at once where the reader is quick, and keep their seats', async () => {
    const { state, reader, drain } = aReader(new SlowReaders(1))
    const drained = reader.drained()
    drain()
    await drained
    assert.equal(state.waits, 0)
  })

  it('give their seats back once where the reader is slow', async () => {
    const { state, reader, drain, socket } = aReader(new SlowReaders(1))
    for (let chunk = 0; chunk < 2; chunk++) {
      const drained = reader.drained()
      while (state.waits === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      drain()
      await drained
    }
    assert.equal(state.waits, 1)
    assert.equal((socket as unknown as EventEmitter).listenerCount('drain'), 0)
  })

  it('do so a few at a time: the others keep theirs until one has ended', async () => {
    const slowReaders = new SlowReaders(1)
    const [first, second] = [aReader(slowReaders), aReader(slowReaders)]
    const slow = async ({ reader, drain, state }: typeof first, gives: boolean): Promise<void> => {
      const before = state.waits
      const drained = reader.drained()
      // Longer than a reader may take; the seats are given back or not by then.
      if (gives) while (state.waits === before) await new Promise((resolve) => setTimeout(resolve, 1))
      else await new Promise((resolve) => setTimeout(resolve, 50))
      drain()
      await drained
    }
    await slow(first, true)
    await slow(second, false)
    assert.equal(second.state.waits, 0)
    first.reader[Symbol.dispose]()
    await slow(second, true)
    assert.equal(second.state.waits, 1)
  })
})
