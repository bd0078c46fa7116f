import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { warningHeaders } from './warning-header.ts'

describe('warning headers', () => {
  it('quotes, and tells each text once', () => {
    assert.deepEqual(warningHeaders(['a "b" \\c', 'a "b" \\c', '']), ['299 - "a \\"b\\" \\\\c"'])
  })

  it('sends UTF-8, and nothing that has control characters', () => {
    assert.deepEqual(warningHeaders(['é', 'a\nb']), [Buffer.from('299 - "é"').toString('latin1')])
  })

  it('keeps long texts whole as long as all fit', () => {
    const texts = ['x'.repeat(4_000), 'y'.repeat(96)]
    assert.deepEqual(
      warningHeaders(texts).map(({ length }) => length),
      [4_008, 104],
    )
  })

  it('cuts every text to 256 characters when they do not fit, and stops after 4,096', () => {
    const texts = Array.from({ length: 30 }, (_, index) => `${String(index).padStart(2, '0')}${'z'.repeat(298)}`)
    const headers = warningHeaders(texts)
    assert.equal(headers.length, 16)
    for (const header of headers) assert.equal(header.length, 256 + '299 - ""'.length)
  })
})
