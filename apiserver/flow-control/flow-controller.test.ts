import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { suggestedFlowSchemas, suggestedPriorityLevels } from '../../api/flowcontrol/bootstrap.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { Registry } from '../../component-base/metrics/prometheus.ts'
import { dumpPriorityLevels, dumpQueues, dumpRequests } from './dump.ts'
import { FlowControl } from './flow-control.ts'
import { FlowController } from './flow-controller.ts'
import { registerFlowControlMetrics } from './metrics.ts'
import { anInfo, SimulatedTime } from './simulation.ts'

const aController = (serverLimit = 600) => {
  const time = new SimulatedTime()
  const controller = new FlowController({ serverLimit, clock: time, log: createLogger('test') })
  const control = new FlowControl({ controller, statisticsOf: () => undefined })
  return { time, controller, control }
}
const aUser = (name: string, ...groups: string[]) => ({
  name,
  uid: '',
  groups: [...groups, 'system:authenticated'],
  extra: {},
})
const alice = aUser('alice')

const aLevel = (name: string, nominalConcurrencyShares = 10): PriorityLevelConfiguration => ({
  metadata: { name, uid: `uid of ${name}` },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares,
      limitResponse: { type: 'Queue', queuing: { queues: 4, handSize: 2, queueLengthLimit: 3 } },
    },
  },
})
const aSchema = (name: string, level: string, matchingPrecedence = 100): FlowSchema => ({
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'alice' } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
      },
    ],
  },
})

describe('the flow controller', () => {
  it('works with the mandatory objects alone', () => {
    const { controller } = aController()
    assert.equal(controller.schemaOf(alice, anInfo()).level.name, 'catch-all')
    assert.equal(controller.schemaOf(aUser('root', 'system:masters'), anInfo()).level.name, 'exempt')
    assert.equal(controller.levels.get('catch-all')?.adjusted.current, 600)
    // Somebody of neither group, which cannot be, is let in all the same.
    assert.equal(controller.schemaOf({ ...alice, groups: [] }, anInfo()).level.name, 'catch-all')
  })

  it('classifies by the objects of the moment, also users that it knows', () => {
    const { controller } = aController()
    controller.configure(suggestedPriorityLevels, suggestedFlowSchemas)
    assert.equal(controller.schemaOf(alice, anInfo()).level.name, 'global-default')
    controller.configure([...suggestedPriorityLevels, aLevel('own')], [...suggestedFlowSchemas, aSchema('s', 'own')])
    assert.equal(controller.schemaOf(alice, anInfo()).level.name, 'own')
    assert.equal(controller.schemaOf(alice, anInfo({ namespace: '' })).level.name, 'global-default')
    // A FlowSchema without its level counts for nothing.
    controller.configure(suggestedPriorityLevels, [...suggestedFlowSchemas, aSchema('s', 'own')])
    assert.equal(controller.schemaOf(alice, anInfo()).level.name, 'global-default')
    assert.equal(controller.hasLevel('own'), false)
  })

  it('keeps a level that is not wanted any more until its requests are over', () => {
    const { controller, control } = aController(4)
    const configs = [[aLevel('own', 95)], [aSchema('s', 'own')]] as const
    controller.configure(...configs)
    const schema = controller.schemaOf(alice, anInfo())
    const start = () => control.start(schema, { user: alice, info: anInfo(), query: new URLSearchParams() })
    const requests = Array.from({ length: 5 }, start)
    assert.deepEqual(
      requests.map((request) => request?.state),
      ['executing', 'executing', 'executing', 'executing', 'waiting'],
    )
    controller.configure([], [])
    assert.equal(controller.levels.get('own')?.isQuiescing, true)
    assert.equal(controller.hasLevel('own'), false)
    const dispatched = control.wait(requests[4] ?? assert.fail(), new AbortController().signal, Date.now() + 60_000)
    for (const request of requests.slice(0, 4)) if (request !== undefined) control.finish(request)
    return dispatched.then((came) => {
      assert.equal(came, true)
      control.finish(requests[4] ?? assert.fail())
      controller.adjust()
      assert.equal(controller.levels.has('own'), false)
    })
  })

  it('ignores a level whose spec is broken', () => {
    const { controller } = aController()
    const broken: PriorityLevelConfiguration = { metadata: { name: 'b' }, spec: { type: 'Limited' } }
    controller.configure([broken], [aSchema('s', 'b')])
    assert.equal(controller.hasLevel('b'), false)
    assert.equal(controller.schemaOf(alice, anInfo()).level.name, 'catch-all')
  })

  it('lets a busy level borrow, and gives it back', () => {
    const { controller, control, time } = aController()
    controller.configure(suggestedPriorityLevels, suggestedFlowSchemas)
    const limit = () => controller.levels.get('global-default')?.adjusted.current ?? 0
    const idle = limit()
    const schema = controller.schemaOf(alice, anInfo())
    const start = () => control.start(schema, { user: alice, info: anInfo(), query: new URLSearchParams() })
    const running = Array.from({ length: 300 }, start)
    time.runUntil(10_000)
    controller.adjust()
    assert.ok(limit() > 2 * idle, `${limit()} after ${idle}`)
    while (schema.level.queues.executingRequests > 0) {
      for (const request of running) if (request?.state === 'executing') control.finish(request)
      // What waits for the next turn of the event loop.
      time.runUntil(time.now())
    }
    for (let i = 2; i < 120; i++) {
      time.runUntil(i * 10_000)
      controller.adjust()
    }
    assert.ok(limit() < 1.2 * idle, `${limit()} after ${idle}`)
  })
})

describe('waiting for one’s turn', () => {
  const aBusyLevel = () => {
    const world = aController(1)
    world.controller.configure([aLevel('own', 1000)], [aSchema('s', 'own')])
    const schema = world.controller.schemaOf(alice, anInfo())
    const start = () => world.control.start(schema, { user: alice, info: anInfo(), query: new URLSearchParams() })
    const [first, second] = [start(), start()]
    return { ...world, schema, first: first ?? assert.fail(), second: second ?? assert.fail() }
  }

  it('ends when the time is over', async () => {
    const { control, second, schema } = aBusyLevel()
    assert.equal(await control.wait(second, new AbortController().signal, Date.now() + 5), false)
    assert.equal(schema.counters.rejected['time-out'], 1)
    assert.equal(schema.level.queues.waitingRequests, 0)
  })

  it('ends when the client goes', async () => {
    const { control, second, schema } = aBusyLevel()
    const abort = new AbortController()
    const came = control.wait(second, abort.signal, Date.now() + 60_000)
    abort.abort()
    assert.equal(await came, false)
    assert.equal(schema.level.queues.waitingRequests, 0)
    const gone = aBusyLevel()
    assert.equal(await gone.control.wait(gone.second, AbortSignal.abort(), Date.now() + 60_000), false)
  })

  it('is seen in the dumps and in the metrics', async () => {
    const { control, controller, second, first } = aBusyLevel()
    const registry = new Registry()
    registerFlowControlMetrics(registry, controller)
    assert.match(
      dumpPriorityLevels(controller),
      /^PriorityLevelName, ActiveQueues, IsIdle, +IsQuiescing, WaitingRequests,/,
    )
    assert.match(dumpPriorityLevels(controller), /\nown, +1, +false, +false, +1, +1, +1, +0, +0, +0\n/)
    assert.match(dumpQueues(controller), /\nown, +\d, +1, +\d, +\d, +\d+\.\d{8}ss, +1, +1, +0\.00300000ss\n/)
    const requests = dumpRequests(controller, true)
    assert.match(requests, /\nown, +s, +\d, +0, +alice, +\S+Z, +1, +0, +0s, +0001-01-01T00:00:00Z, +alice, +get, /)
    assert.match(requests, /\nown, +s, +\d, +-1, +alice, /)
    const text = await registry.metrics()
    for (const line of [
      'apiserver_flowcontrol_current_inqueue_requests{priority_level="own",flow_schema="s"} 1',
      'apiserver_flowcontrol_current_executing_requests{priority_level="own",flow_schema="s"} 1',
      'apiserver_flowcontrol_current_executing_seats{priority_level="own",flow_schema="s"} 1',
      'apiserver_flowcontrol_dispatched_requests_total{priority_level="own",flow_schema="s"} 1',
      'apiserver_flowcontrol_current_limit_seats{priority_level="own"} 1',
      'apiserver_flowcontrol_nominal_limit_seats{priority_level="own"} 1',
      'apiserver_flowcontrol_work_estimated_seats_count{priority_level="own",flow_schema="s"} 2',
      'apiserver_flowcontrol_request_wait_duration_seconds_count{priority_level="own",flow_schema="s",execute="true"} 1',
    ]) {
      assert.ok(text.includes(line), `${line}\n${text}`)
    }
    control.finish(first)
    assert.equal(second.state, 'executing')
    assert.match(
      await registry.metrics(),
      /request_execution_seconds_count\{priority_level="own",flow_schema="s",type="regular"\} 1/,
    )
  })
})
