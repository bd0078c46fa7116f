import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../component-base/clock.ts'
import type { ProbeResult } from './probe.ts'
import { type ProbeWorkerOptions, startProbeWorker } from './probe-worker.ts'

const now = (): number => Date.now()

/** Feeds the given results, one each period of 5 ms, and tells the changes of the outcome. */
const play = async (
  results: string,
  fields: Partial<ProbeWorkerOptions>,
  probe: ProbeWorkerOptions['probe'] = {},
): Promise<string[]> => {
  const changes: string[] = []
  let index = 0
  const done = Promise.withResolvers<void>()
  const worker = startProbeWorker({
    probe: { periodSeconds: 0.005, ...probe },
    startedAt: now(),
    now,
    run: async (): Promise<ProbeResult> => {
      const next = results[index++]
      if (index >= results.length) done.resolve()
      return next === '+' ? { type: 'success' } : { type: 'failure', output: '' }
    },
    enabled: () => true,
    initial: undefined,
    onResult: () => undefined,
    onChange: (outcome) => changes.push(outcome),
    endsOn: undefined,
    ...fields,
  })
  await Promise.race([done.promise, sleep(500)])
  await sleep(2)
  worker.stop()
  return changes
}

describe('a probe worker', () => {
  it('changes its mind only after as many equal results as its threshold says', async () => {
    assert.deepEqual(await play('--+---', { initial: 'success' }, { failureThreshold: 3 }), ['failure'])
    assert.deepEqual(await play('--+--+', { initial: 'success' }, { failureThreshold: 3 }), [])
    assert.deepEqual(await play('+-++', {}, { successThreshold: 2 }), ['success'])
  })

  it('has nothing more to say after the outcome that ends it', async () => {
    assert.deepEqual(await play('-+---', { endsOn: 'success' }, { failureThreshold: 1 }), ['failure', 'success'])
  })

  it('does not probe while it is held back', async () => {
    assert.deepEqual(await play('+', { enabled: () => false }), [])
  })
})
