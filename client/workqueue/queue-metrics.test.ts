import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Registry } from '../../component-base/metrics/prometheus.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { createQueueMetrics } from './queue-metrics.ts'
import { createWorkQueue } from './work-queue.ts'

const setUp = () => {
  const clock = new FakeClock()
  const registry = new Registry()
  const metrics = createQueueMetrics(registry, clock)
  const queue = createWorkQueue({ clock, observer: metrics.observer('things') })
  const read = async (name: string): Promise<number> => {
    const text = await registry.metrics()
    const line = text.split('\n').find((one) => one.startsWith(`workqueue_${name}{name="things"`))
    return Number(line?.split(' ').at(-1))
  }
  return { clock, queue, read }
}

describe('metrics of a work queue', () => {
  it('count each key once, however often it is added while it waits', async () => {
    const { queue, read } = setUp()
    for (const key of ['a', 'a', 'b']) queue.add(key)
    assert.equal(await read('adds_total'), 2)
    assert.equal(await read('depth'), 2)
  })

  it('tell how long keys wait and are worked on', async () => {
    const { clock, queue, read } = setUp()
    queue.add('a')
    await clock.advance(2_000)
    await queue.get()
    assert.equal(await read('queue_duration_seconds_sum'), 2)
    assert.equal(await read('depth'), 0)
    await clock.advance(3_000)
    assert.equal(await read('unfinished_work_seconds'), 3)
    assert.equal(await read('longest_running_processor_seconds'), 3)
    queue.done('a')
    assert.equal(await read('work_duration_seconds_sum'), 3)
    assert.equal(await read('unfinished_work_seconds'), 0)
  })

  it('count a key that comes while it is worked on, and those that are tried again', async () => {
    const { clock, queue, read } = setUp()
    queue.add('a')
    await queue.get()
    queue.add('a')
    queue.add('a')
    assert.equal(await read('adds_total'), 2)
    queue.done('a')
    assert.equal(await read('adds_total'), 2)
    assert.equal(await read('depth'), 1)
    await queue.get()
    queue.addRateLimited('a')
    queue.done('a')
    await clock.advance(10)
    assert.equal(await read('retries_total'), 1)
    assert.equal(await read('adds_total'), 3)
  })
})
