import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PlainHistogram } from './histogram.ts'
import { registerHistograms } from './histogram-family.ts'
import { Registry } from './prometheus.ts'

describe('registerHistograms', () => {
  it('shows what plain histograms have counted, as it is when it is read', async () => {
    const registry = new Registry()
    const [used, unused] = [new PlainHistogram([0.5, 1]), new PlainHistogram([0.5, 1])]
    registerHistograms(registry, {
      name: 'took_seconds',
      help: 'Time that it took.',
      samples: () => [
        { labels: { step: 'first' }, histogram: used },
        { labels: { step: 'second' }, histogram: unused },
      ],
    })
    for (const value of [0.25, 0.75, 4]) used.observe(value)
    assert.equal(
      await registry.metrics(),
      [
        '# HELP took_seconds Time that it took.',
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{step="first",le="0.5"} 1',
        'took_seconds_bucket{step="first",le="1"} 2',
        'took_seconds_bucket{step="first",le="+Inf"} 3',
        'took_seconds_sum{step="first"} 5',
        'took_seconds_count{step="first"} 3',
        '',
      ].join('\n'),
    )
    used.observe(0.5)
    assert.match(await registry.metrics(), /took_seconds_count\{step="first"\} 4/)
    assert.throws(() => registerHistograms(registry, { name: 'took_seconds', help: '', samples: () => [] }), /already/)
  })
})
