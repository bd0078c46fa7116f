import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BoundedStream } from './bounded-stream.ts'

const aStream = (capacity = 3) => new BoundedStream<number>({ capacity, onFull: () => new Error('too slow') })

const readAll = async (stream: AsyncIterable<number>): Promise<{ items: number[]; error?: unknown }> => {
  const items: number[] = []
  try {
    for await (const item of stream) items.push(item)
    return { items }
  } catch (error) {
    return { items, error }
  }
}

describe('BoundedStream', () => {
  it('gives items in order to a reader that waits', async () => {
    const stream = aStream()
    const read = readAll(stream)
    for (const item of [1, 2, 3, 4, 5]) {
      assert.ok(stream.push(item))
      await new Promise(setImmediate)
    }
    stream.close()
    assert.deepEqual(await read, { items: [1, 2, 3, 4, 5] })
  })

  it('ends a reader that falls behind, after what it was given', async () => {
    const stream = aStream(2)
    assert.deepEqual(
      [1, 2, 3, 4].map((item) => stream.push(item)),
      [true, true, false, false],
    )
    const { items, error } = await readAll(stream)
    assert.deepEqual(items, [1, 2])
    assert.match(String(error), /too slow/)
  })

  it('takes nothing after its reader has left', async () => {
    const stream = aStream()
    stream.push(1)
    for await (const _ of stream) break
    assert.equal(stream.push(2), false)
    assert.ok(stream.closed)
  })
})
