import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClock } from '../testing/fake-clock.ts'
import { ConnectionHealth, ConnectionLostError } from './connection-health.ts'

const aHealth = (answer: 'answered' | 'unreachable' = 'answered') => {
  const clock = new FakeClock()
  let probes = 0
  const health: ConnectionHealth = new ConnectionHealth(async () => {
    probes++
    if (answer === 'unreachable') throw new Error('unreachable')
    health.heard()
  }, clock)
  return { clock, health, probes: () => probes }
}

describe('ConnectionHealth', () => {
  it('ends the streams that heard nothing while a request got no answer, and only those', async () => {
    const { clock, health } = aHealth()
    const [silent, alive] = [health.add(new AbortController()), health.add(new AbortController())]
    await clock.advance(1_000)
    const startedAt = clock.now()
    await clock.advance(1_000)
    health.heard(alive)
    health.unreachable(startedAt)
    assert.ok(silent.controller.signal.reason instanceof ConnectionLostError)
    assert.equal(alive.controller.signal.aborted, false)
  })

  it('makes a request only when all has been quiet for 30 s', async () => {
    const { clock, health, probes } = aHealth()
    const stream = health.add(new AbortController())
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000)
      health.heard(stream)
    }
    assert.equal(probes(), 0)
    await clock.advance(31_000)
    assert.equal(probes(), 1)
  })

  it('makes none without a stream, and leaves no timer', async () => {
    const { clock, health, probes } = aHealth()
    health.remove(health.add(new AbortController()))
    await clock.advance(600_000)
    assert.equal(probes(), 0)
    assert.equal(clock.timers, 0)
  })

  it('goes on after a request that failed', async () => {
    const { clock, health, probes } = aHealth('unreachable')
    health.add(new AbortController())
    await clock.advance(95_000)
    assert.ok(probes() >= 3)
  })
})
