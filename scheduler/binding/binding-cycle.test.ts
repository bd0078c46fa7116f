import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { FakeClock, settle } from '../../client/testing/fake-clock.ts'
import type { Plugin } from '../framework/plugin.ts'
import { type Rejection, unschedulable } from '../framework/status.ts'
import { aNode, aPod, aScheduler, defaultEnabled } from '../testing/fixtures.ts'
import { runBindingCycle } from './binding-cycle.ts'
import { WaitingPods } from './waiting-pods.ts'

/** A cluster of one node whose profile has these plugins before the default ones. */
const aBinding = (plugins: readonly Plugin[], change: Partial<RestClient> = {}) => {
  const calls: string[] = []
  const client: Partial<RestClient> = {
    create: async (_ref, object, options) => {
      calls.push(`${options?.subresource} ${object.metadata?.name}`)
      return object
    },
    patch: async (_ref, _name, _namespace, body) => {
      calls.push(JSON.stringify((body as { status: unknown }).status))
      return {} as never
    },
    ...change,
  }
  const own = plugins.map((plugin) => ({ name: plugin.name, factory: () => plugin, args: undefined, weight: 1 }))
  const { framework, schedule, cache, handle } = aScheduler({
    nodes: [aNode('a')],
    plugins: [...own, ...defaultEnabled],
    change: client,
  })
  const clock = new FakeClock()
  const waitingPods = new WaitingPods(clock)
  const result = schedule(aPod())
  if (result.type !== 'scheduled') throw new Error(`the Pod is ${result.type}`)
  const pod = cache.assume(aPod(), 'a')
  const { cycle } = result
  const reserved = framework.reserve(cycle, pod, 'a')
  const permitted = framework.permit(cycle, pod, 'a')
  const run = (): Promise<Rejection | undefined> => {
    if ('code' in permitted) throw new Error('not permitted')
    return runBindingCycle(
      { pod, nodeName: 'a', cycle, framework, waits: permitted, extenders: [] },
      {
        client: handle.client,
        waitingPods,
        signal: handle.signal,
        onPermitted: () => calls.push('permitted'),
        onWaited: (how) => calls.push(how),
      },
    )
  }
  return { run, calls, clock, waitingPods, pod, permitted, reserved, framework, cycle }
}

const waiting: Plugin = { name: 'Gang', permit: () => ({ code: 'Wait', timeoutMs: 60_000 }) }

describe('the binding cycle', () => {
  it('binds', async () => {
    const { run, calls, pod } = aBinding([])
    assert.equal(await run(), undefined)
    assert.deepEqual(calls, ['permitted', `binding ${pod.metadata?.name}`])
  })

  it('can be allowed at once, before others were told', async () => {
    const { run, calls, waitingPods } = aBinding([waiting])
    const ended = run()
    for (const one of waitingPods.list()) one.allow('Gang')
    assert.equal(await ended, undefined)
    assert.ok(calls.includes('allowed'))
  })

  it('waits for those who want to, and tells others meanwhile where the Pod will be', async () => {
    const { run, calls, waitingPods, pod } = aBinding([waiting])
    const ended = run()
    await settle()
    const [waits] = waitingPods.list()
    assert.deepEqual(waits?.pendingPlugins, ['Gang'])
    assert.deepEqual(calls, ['{"nominatedNodeName":"a"}'])
    waits?.allow('Gang')
    assert.equal(await ended, undefined)
    assert.deepEqual(calls.slice(1), ['allowed', 'permitted', `binding ${pod.metadata?.name}`])
    assert.equal(waitingPods.list().length, 0)
  })

  it('gives up a Pod that waits too long', async () => {
    const { run, clock, calls } = aBinding([waiting])
    const ended = run()
    await clock.advance(60_000)
    assert.deepEqual(await ended, {
      code: 'Unschedulable',
      reasons: ['rejected due to timeout after waiting 60s at plugin Gang'],
      plugin: 'Gang',
    })
    assert.ok(!calls.includes('permitted'))
  })

  it('gives up a Pod that somebody rejects', async () => {
    const { run, waitingPods, pod } = aBinding([waiting])
    const ended = run()
    await settle()
    waitingPods.get(pod.metadata?.uid ?? '')?.reject('Gang', 'the others do not come')
    assert.deepEqual((await ended)?.reasons, ['the others do not come'])
  })

  it('prepares in order, neighbours that allow it beside each other, and leaves out who has nothing to do', async () => {
    const order: string[] = []
    const preparing = (name: string, code: 'Parallel' | 'Sequential' | 'Skip'): Plugin => ({
      name,
      preBindPreFlight: () => ({ code }),
      preBind: async () => {
        order.push(`${name} begins`)
        await settle()
        order.push(`${name} ends`)
        return undefined
      },
    })
    const { run } = aBinding([
      preparing('A', 'Parallel'),
      preparing('B', 'Parallel'),
      preparing('C', 'Skip'),
      preparing('D', 'Sequential'),
    ])
    await run()
    assert.deepEqual(order, ['A begins', 'B begins', 'A ends', 'B ends', 'D begins', 'D ends'])
  })

  it('takes a rejection of PreBind for an error', async () => {
    const { run, calls } = aBinding([{ name: 'Late', preBind: async () => unschedulable('too late') }])
    await assert.rejects(run(), { message: 'too late' })
    assert.ok(!calls.some((call) => call.startsWith('binding')))
  })

  it('undoes in reverse what was reserved', () => {
    const order: string[] = []
    const reserving = (name: string, rejects: boolean): Plugin => ({
      name,
      reserve: () => {
        order.push(`reserve ${name}`)
        return rejects ? unschedulable('taken') : undefined
      },
      unreserve: () => void order.push(`unreserve ${name}`),
    })
    const { reserved, framework, cycle, pod } = aBinding([reserving('A', false), reserving('B', true)])
    assert.deepEqual(reserved, { code: 'Unschedulable', reasons: ['taken'], plugin: 'B' })
    framework.unreserve(cycle, pod, 'a')
    assert.deepEqual(order, ['reserve A', 'reserve B', 'unreserve B', 'unreserve A'])
  })

  it('asks the next Bind plugin when one leaves it to others', async () => {
    const { run, calls } = aBinding([{ name: 'NotMine', bind: async () => ({ code: 'Skip' }) }])
    await run()
    assert.ok(calls.some((call) => call.startsWith('binding')))
  })

  const lost: readonly [what: string, nodeName: string, isFine: boolean][] = [
    ['to a Binding that was written', 'a', true],
    ['to a Binding of somebody else', 'b', false],
  ]
  for (const [what, nodeName, isFine] of lost) {
    it(`${isFine ? 'is content with' : 'fails after'} a lost answer ${what}`, async () => {
      let uid = ''
      const { run, pod } = aBinding([], {
        create: () => Promise.reject(new Error('connection reset')),
        get: async () => ({ metadata: { uid }, spec: { nodeName } }) as never,
      })
      uid = pod.metadata?.uid ?? ''
      if (isFine) await run()
      else await assert.rejects(run(), { message: 'connection reset' })
    })
  }
})
