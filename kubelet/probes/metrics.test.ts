import assert from 'node:assert/strict'
import { it } from 'node:test'
import { aPod } from '../testing.ts'
import { createProbeMetrics } from './metrics.ts'

it('probes are counted by their result as long as their container is there', async () => {
  const metrics = createProbeMetrics()
  const liveness = { pod: aPod(), container: 'c', kind: 'liveness' } as const
  metrics.observe(liveness, 'success', 0.01)
  metrics.observe(liveness, 'warning', 0.01)
  metrics.observe(liveness, 'failure', 0.2)
  metrics.observe(liveness, 'error', 0.2)
  metrics.observe({ ...liveness, kind: 'readiness' }, 'failure', 1)
  const labels = 'container="c",pod="web",namespace="shop",pod_uid="u1"'
  const lines = (await metrics.text()).split('\n')
  const countOf = (kind: string, result: string): string | undefined =>
    lines.find((line) => line.includes(`prober_probe_total{probe_type="${kind}"`) && line.includes(result))
  assert.ok(countOf('Liveness', 'successful')?.endsWith('} 2'))
  assert.ok(countOf('Liveness', 'failed')?.endsWith('} 1'))
  assert.ok(countOf('Readiness', 'failed')?.endsWith('} 1'))
  assert.ok(lines.some((line) => line.startsWith('prober_probe_duration_seconds_count') && line.endsWith(' 3')))
  for (const part of labels.split(',')) assert.ok(countOf('Liveness', 'failed')?.includes(part))
  metrics.forget(liveness)
  assert.doesNotMatch(await metrics.text(), /Liveness/)
})
