import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { FakeClock } from '../../client/testing/fake-clock.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createScraper } from './scraper.ts'

const node: Node = { metadata: { name: 'node-1' } }

const aScraper = (pods: () => readonly string[]) => {
  const clock = new FakeClock()
  let reads = 0
  const readKubelet = async (): Promise<string> => {
    reads++
    return pods()
      .flatMap((pod) => {
        const labels = `{container="c",namespace="default",pod="${pod}"}`
        return [
          `container_cpu_usage_seconds_total${labels} ${reads} ${clock.now()}`,
          `container_memory_working_set_bytes${labels} 1 ${clock.now()}`,
        ]
      })
      .join('\n')
  }
  const client = { list: async () => ({ items: [node], metadata: { resourceVersion: '1' } }) }
  const scraper = createScraper({
    client: client as unknown as RestClient,
    readKubelet,
    resolutionMs: 15_000,
    clock,
    log: createLogger('test', 0),
    signal: new AbortController().signal,
  })
  const ask = async (): Promise<readonly string[]> => {
    const answer = scraper.current()
    await clock.advance(3_000)
    const scraped = (await answer).get('node-1')
    return [...(scraped?.after.pods.keys() ?? [])].filter((pod) => scraped?.before.pods.has(pod))
  }
  return { clock, ask, reads: () => reads }
}

describe('the scraper', () => {
  it('reads twice for the first question, once for a later one, and not at all before', async () => {
    const { clock, ask, reads } = aScraper(() => ['a'])
    await clock.advance(60_000)
    assert.equal(reads(), 0)
    assert.deepEqual(await ask(), ['default/a'])
    assert.equal(reads(), 2)
    await ask()
    assert.equal(reads(), 2)
    await clock.advance(15_000)
    await ask()
    assert.equal(reads(), 3)
    await clock.advance(60_000)
    await ask()
    assert.equal(reads(), 5)
  })

  it('reads once more where a container has come', async () => {
    let pods = ['a']
    const { clock, ask } = aScraper(() => pods)
    await ask()
    await clock.advance(15_000)
    pods = ['a', 'b']
    assert.deepEqual(await ask(), ['default/a', 'default/b'])
  })
})
