import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exposition } from './exposition.ts'
import { exponentialBounds, PlainHistogram } from './histogram.ts'

describe('the text of metrics', () => {
  it('has families by name, labels escaped, and none without samples', () => {
    const text = exposition([
      { name: 'z', help: 'Last.', type: 'gauge', samples: [{ labels: { a: 'x"y\\\n' }, value: 1.5 }] },
      { name: 'none', help: 'Nothing.', type: 'gauge', samples: [] },
      { name: 'a', help: 'First\nof all.', type: 'counter', samples: [{ value: Number.POSITIVE_INFINITY }] },
    ])
    assert.equal(
      text,
      [
        String.raw`# HELP a First\nof all.`,
        '# TYPE a counter',
        'a +Inf',
        '# HELP z Last.',
        '# TYPE z gauge',
        String.raw`z{a="x\"y\\\n"} 1.5`,
        '',
      ].join('\n'),
    )
  })

  it('counts a histogram’s buckets together', () => {
    const histogram = new PlainHistogram(exponentialBounds(1, 2, 3))
    for (const value of [0.5, 1, 3, 100]) histogram.observe(value)
    const text = exposition([
      { name: 'h', help: 'H.', type: 'histogram', samples: [{ labels: { m: 'x' }, histogram }] },
    ])
    assert.deepEqual(text.split('\n').slice(2, -1), [
      'h_bucket{m="x",le="1"} 2',
      'h_bucket{m="x",le="2"} 2',
      'h_bucket{m="x",le="4"} 3',
      'h_bucket{m="x",le="+Inf"} 4',
      'h_sum{m="x"} 104.5',
      'h_count{m="x"} 4',
    ])
  })
})
