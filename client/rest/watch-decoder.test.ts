import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lines } from './watch-decoder.ts'

const decode = async (chunks: readonly Buffer[]): Promise<string[]> => {
  const source = async function* () {
    yield* chunks
  }
  const found: string[] = []
  for await (const line of lines(source())) found.push(line)
  return found
}

describe('lines', () => {
  const text = '{"type":"ADDED","name":"größe ☃"}\n\n{"a":1}\n'

  it('finds the same lines however the stream is cut, inside characters too', async () => {
    const bytes = Buffer.from(text)
    for (let size = 1; size <= bytes.length; size++) {
      const chunks: Buffer[] = []
      for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.subarray(start, start + size))
      assert.deepEqual(await decode(chunks), ['{"type":"ADDED","name":"größe ☃"}', '{"a":1}'], `chunks of ${size}`)
    }
  })

  it('gives the last line even without its newline', async () => {
    assert.deepEqual(await decode([Buffer.from('{"a":1}\n{"b"'), Buffer.from(':2}')]), ['{"a":1}', '{"b":2}'])
  })

  it('joins a line of many chunks in linear time', async () => {
    const chunk = Buffer.alloc(1_000, 'x')
    const [line] = await decode([...Array.from({ length: 20_000 }, () => chunk), Buffer.from('\n')])
    assert.equal(line?.length, 20_000_000)
  })
})
