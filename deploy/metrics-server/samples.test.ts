import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseResourceMetrics, podUsage, usageBetween } from './samples.ts'

const body = (cpu: number, atMs: number): string => `# HELP container_cpu_usage_seconds_total [STABLE] Cumulative
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} ${cpu} ${atMs}
container_cpu_usage_seconds_total{container="side",namespace="default",pod="web"} 1.5e0 ${atMs}
container_cpu_usage_seconds_total{container="odd \\"name\\", {x}",namespace="default",pod="odd"} 1 ${atMs}
container_memory_working_set_bytes{container="main",namespace="default",pod="web"} 2.097152e+06 ${atMs}
container_memory_working_set_bytes{container="side",namespace="default",pod="web"} 1024 ${atMs}
node_cpu_usage_seconds_total ${cpu * 10} ${atMs}
node_memory_working_set_bytes 1e9
scrape_error 0
garbage {{{
`

describe('what a kubelet tells', () => {
  const sample = parseResourceMetrics(body(10, 1000), 5000)

  it('is read by container', () => {
    assert.deepEqual(sample.pods.get('default/web')?.get('main'), {
      cpuSeconds: 10,
      memoryBytes: 2_097_152,
      atMs: 1000,
    })
    assert.equal(sample.pods.get('default/web')?.size, 2)
  })
  it('counts only where it is whole', () => assert.equal(sample.pods.get('default/odd')?.size, 0))
  it('has the time of reading where it names none', () => {
    assert.equal(sample.node?.memoryBytes, 1e9)
    assert.equal(sample.node?.atMs, 5000)
  })
})

describe('the use between two tellings', () => {
  const [before, after] = [parseResourceMetrics(body(10, 1000), 0), parseResourceMetrics(body(12, 5000), 0)]

  it('is what a counter grew by', () => {
    const usage = podUsage(before, after, 'default/web')
    assert.deepEqual(usage?.get('main'), {
      nanocores: 500_000_000,
      memoryBytes: 2_097_152,
      atMs: 5000,
      windowMs: 4000,
    })
    assert.equal(usage?.get('side')?.nanocores, 0)
  })
  it('is not known where a counter began again, or no time passed', () => {
    assert.equal(podUsage(after, before, 'default/web'), undefined)
    assert.equal(podUsage(before, before, 'default/web'), undefined)
    assert.equal(
      usageBetween({ cpuSeconds: 2, memoryBytes: 1, atMs: 0 }, { cpuSeconds: 1, memoryBytes: 1, atMs: 9 }),
      undefined,
    )
  })
  it('is not known of a Pod that was not there, or of one with a container that was not', () => {
    assert.equal(podUsage(before, after, 'default/other'), undefined)
    const without = {
      ...before,
      pods: new Map([['default/web', new Map([...(before.pods.get('default/web') ?? [])].slice(1))]]),
    }
    assert.equal(podUsage(without, after, 'default/web'), undefined)
  })
})
