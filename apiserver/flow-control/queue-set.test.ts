import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Flow, FlowRequest } from './flow-request.ts'
import { QueueSet, type Queuing } from './queue-set.ts'
import { aFlow, aRequest, SimulatedTime } from './simulation.ts'

const queued = (queues: number, handSize: number, queueLengthLimit: number): Queuing => ({
  type: 'queue',
  queues,
  handSize,
  queueLengthLimit,
})

const aSet = (queuing: Queuing, limit: number) => {
  const time = new SimulatedTime()
  return { time, set: new QueueSet(queuing, limit, time, { changed: () => undefined }) }
}

describe('a set of queues', () => {
  it('lets a request through at once while there are seats, and the next in when one is free', () => {
    const { set } = aSet(queued(4, 1, 10), 2)
    const requests = ['a', 'b', 'c'].map((name) => aRequest(set, aFlow(name)))
    for (const request of requests) assert.equal(set.start(request), undefined)
    assert.deepEqual(
      requests.map(({ state }) => state),
      ['executing', 'executing', 'waiting'],
    )
    let dispatched = 0
    const [first, , third] = requests
    if (first === undefined || third === undefined) return
    third.onDispatch = () => dispatched++
    set.finish(first)
    assert.deepEqual([third.state, dispatched, set.seatsInUse, set.waitingRequests], ['executing', 1, 2, 0])
  })

  it('rejects what a full queue has no room for', () => {
    const { set } = aSet(queued(1, 1, 2), 1)
    const flow = aFlow('a')
    const outcomes = Array.from({ length: 5 }, () => set.start(aRequest(set, flow)))
    assert.deepEqual(outcomes, [undefined, undefined, undefined, 'queue-full', 'queue-full'])
    assert.equal(flow.counters.rejected['queue-full'], 2)
  })

  it('rejects without queues when the seats are taken', () => {
    const { set } = aSet({ type: 'reject' }, 1)
    const request = aRequest(set, aFlow('a'))
    assert.equal(set.start(request), undefined)
    assert.equal(set.start(aRequest(set, aFlow('b'))), 'concurrency-limit')
    set.finish(request)
    assert.equal(set.start(aRequest(set, aFlow('b'))), undefined)
  })

  it('never limits what is exempt', () => {
    const { set } = aSet({ type: 'exempt' }, 0)
    for (let i = 0; i < 100; i++) assert.equal(set.start(aRequest(set, aFlow('a'))), undefined)
    assert.equal(set.seatsInUse, 100)
  })

  it('forgets a request that leaves while it waits, and goes on with the others', () => {
    const { set } = aSet(queued(1, 1, 10), 1)
    const flow = aFlow('a')
    const [first, second, third] = [0, 1, 2].map(() => aRequest(set, flow)) as [FlowRequest, FlowRequest, FlowRequest]
    for (const request of [first, second, third]) set.start(request)
    set.leave(second)
    assert.deepEqual([second.state, set.waitingRequests, flow.counters.rejected['time-out']], ['over', 1, 1])
    set.leave(second)
    assert.equal(flow.counters.rejected['time-out'], 1)
    set.finish(first)
    assert.equal(third.state, 'executing')
    set.finish(third)
    assert.equal(set.isIdle, true)
  })

  it('runs a request that is wider than the limit alone', () => {
    const { set } = aSet(queued(2, 1, 10), 2)
    const [small, wide, other] = [
      aRequest(set, aFlow('a')),
      aRequest(set, aFlow('a'), { initialSeats: 5 }),
      aRequest(set, aFlow('a')),
    ]
    for (const request of [small, wide, other]) set.start(request)
    assert.deepEqual([small.state, wide.state], ['executing', 'waiting'])
    set.finish(small)
    assert.deepEqual([wide.state, other.state], ['executing', 'waiting'])
    set.finish(wide)
    assert.equal(other.state, 'executing')
  })

  it('keeps the seats of a change until its watchers have been told', () => {
    const { set, time } = aSet(queued(2, 1, 10), 4)
    const change = aRequest(set, aFlow('a'), { finalSeats: 4, additionalLatencyMs: 5 })
    const next = aRequest(set, aFlow('b'))
    set.start(change)
    set.start(next)
    set.finish(change)
    assert.deepEqual([set.executingRequests, set.seatsInUse, next.state], [0, 4, 'waiting'])
    time.runUntil(6)
    assert.deepEqual([set.seatsInUse, next.state], [1, 'executing'])
  })

  it('does as much work on fewer seats where there are no more', () => {
    const { set, time } = aSet(queued(2, 1, 10), 2)
    const change = aRequest(set, aFlow('a'), { finalSeats: 4, additionalLatencyMs: 5 })
    set.start(change)
    assert.deepEqual([change.seats, change.additionalLatencyMs], [2, 10])
    set.finish(change)
    time.runUntil(9)
    assert.equal(set.seatsInUse, 2)
    time.runUntil(10)
    assert.equal(set.seatsInUse, 0)
  })

  it('takes a new configuration while requests wait', () => {
    const { set } = aSet(queued(8, 2, 10), 1)
    const requests = Array.from({ length: 6 }, (_, i) => aRequest(set, aFlow(String(i))))
    for (const request of requests) set.start(request)
    assert.equal(set.waitingRequests, 5)
    set.configure(queued(1, 1, 10), 3)
    assert.equal(set.executingRequests, 3)
    set.configure({ type: 'reject' }, 10)
    assert.deepEqual([set.executingRequests, set.waitingRequests], [6, 0])
    for (const request of requests) set.finish(request)
    assert.deepEqual([set.isIdle, set.queues.size], [true, 0])
  })

  it('keeps no more queues than it needs, however many are configured', () => {
    const { set } = aSet(queued(10_000_000, 2, 10), 1)
    for (let i = 0; i < 3_000; i++) {
      const request = aRequest(set, aFlow(String(i)))
      set.start(request)
      set.finish(request)
    }
    assert.ok(set.queues.size <= 1025, String(set.queues.size))
  })

  it('sets its progress back before it loses precision, and nobody notices', () => {
    const { set, time } = aSet(queued(2, 1, 10), 1000)
    const long = aRequest(set, aFlow('a'), { initialSeats: 1000 })
    set.start(long)
    const next = aRequest(set, aFlow('b'))
    set.start(next)
    time.runUntil(2_000_000_000)
    set.configure(queued(2, 1, 10), 1000)
    assert.equal(set.epochAdvances, 1)
    set.finish(long)
    assert.equal(next.state, 'executing')
  })
})

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

interface Served {
  readonly flow: number
  readonly waitedMs: number
}

/** Flows that have always `backlog` requests there: each that is done, or was rejected, is followed by another. */
const runBacklogged = (
  { time, set }: ReturnType<typeof aSet>,
  flows: readonly { seats: number; serviceMs: number; backlog: number; varies?: boolean }[],
  untilMs: number,
): { readonly served: Served[]; readonly seatSeconds: number[]; readonly mostSeats: number } => {
  const served: Served[] = []
  const seatSeconds = flows.map(() => 0)
  let mostSeats = 0
  let sent = 0
  const send = (index: number, flow: Flow): void => {
    const { seats, serviceMs: usualMs, varies = false } = flows[index] ?? { seats: 1, serviceMs: 1 }
    // From half to half as much again, without a pattern.
    const serviceMs = varies ? usualMs * (0.5 + ((sent++ * 0.618034) % 1)) : usualMs
    const request = aRequest(set, flow, { initialSeats: seats })
    const serve = (): void => {
      mostSeats = Math.max(mostSeats, set.seatsInUse)
      served.push({ flow: index, waitedMs: time.now() - request.arrivalMs })
      time.after(serviceMs, () => {
        seatSeconds[index] = (seatSeconds[index] ?? 0) + (seats * serviceMs) / 1000
        set.finish(request)
        send(index, flow)
      })
    }
    request.onDispatch = serve
    if (set.start(request) !== undefined) time.after(1, () => send(index, flow))
    else if (request.state === 'executing') serve()
  }
  for (const [index, { backlog }] of flows.entries()) {
    const flow = aFlow(String(index))
    // Each has a queue of its own: what is tested is the fairness between queues. A flood may have a whole hand.
    if (flows.length > 1) flow.hand = { deck: flows.length, cards: [index] }
    else flow.hand = { deck: 128, cards: [0, 1, 2, 3, 4, 5] }
    for (let i = 0; i < backlog; i++) send(index, flow)
  }
  time.runUntil(untilMs)
  return { served, seatSeconds, mostSeats }
}

const backlogged = (seats: fc.Arbitrary<number>) =>
  fc.record({
    flows: fc.array(fc.record({ seats, serviceMs: fc.integer({ min: 1, max: 40 }), backlog: fc.constant(50) }), {
      minLength: 2,
      maxLength: 6,
    }),
    limit: fc.integer({ min: 3, max: 8 }),
  })

describe('fair queuing', () => {
  it('gives every flow that always wants more the same seat-seconds, as a fluid would', () => {
    fc.assert(
      fc.property(backlogged(fc.constant(1)), ({ flows, limit }) => {
        const { seatSeconds, mostSeats } = runBacklogged(aSet(queued(flows.length, 1, 50), limit), flows, 10_000)
        assert.equal(mostSeats, limit)
        const ideal = seatSeconds.reduce((sum, part) => sum + part, 0) / flows.length
        // What the seats that a flow has at the moment can be off: no more, the longer it runs.
        const slack = (2 * limit * Math.max(...flows.map(({ serviceMs }) => serviceMs))) / 1000
        for (const part of seatSeconds) {
          assert.ok(Math.abs(part - ideal) <= slack, `${part} of ${ideal}, slack ${slack}`)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('starves none of them, where wide requests leave seats empty that the fluid would have filled', () => {
    fc.assert(
      fc.property(backlogged(fc.integer({ min: 1, max: 3 })), ({ flows, limit }) => {
        const { seatSeconds, mostSeats } = runBacklogged(aSet(queued(flows.length, 1, 50), limit), flows, 10_000)
        assert.ok(mostSeats <= limit)
        const ideal = seatSeconds.reduce((sum, part) => sum + part, 0) / flows.length
        for (const part of seatSeconds) assert.ok(part > ideal / 10, `${part} of ${ideal}`)
      }),
      { numRuns: 60 },
    )
  })

  it('lets nobody wait who stays under its share, whatever the others send', () => {
    const world = fc.record({
      floods: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
      limit: fc.integer({ min: 2, max: 6 }),
    })
    fc.assert(
      fc.property(world, ({ floods, limit }) => {
        const flows = [
          { seats: 1, serviceMs: 1, backlog: 1 },
          ...floods.map((serviceMs) => ({ seats: 1, serviceMs, backlog: 200 })),
        ]
        const { served } = runBacklogged(aSet(queued(flows.length, 1, 500), limit), flows, 3_000)
        const waits = served.filter(({ flow }) => flow === 0).map(({ waitedMs }) => waitedMs)
        assert.ok(waits.length > 20, String(waits.length))
        // One request of each other flow may be first, and the guess of a service time is 3 ms.
        const most = Math.max(...floods) * 2 + 3 * flows.length
        assert.ok(Math.max(...waits) <= most, `${Math.max(...waits)} > ${most}`)
      }),
      { numRuns: 60 },
    )
  })

  it('lets nobody wait for long either where requests take many times what is guessed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 60 }), fc.integer({ min: 20, max: 80 }), (limit, serviceMs) => {
        const world = aSet(queued(128, 6, 50), limit)
        const { set, time } = world
        runBacklogged(world, [{ seats: 1, serviceMs, backlog: 250, varies: true }], 1_000)
        // Seats become free one by one, as they were taken: each of the flood's six queues may have one of them first.
        const between = serviceMs / limit
        const waits: number[] = []
        const victim = aFlow('victim')
        victim.hand = { deck: 128, cards: [20, 21, 22, 23, 24, 25] }
        for (let i = 0; i < 20; i++) {
          const request = aRequest(set, victim)
          request.onDispatch = () => {
            waits.push(time.now() - request.arrivalMs)
            time.after(1, () => set.finish(request))
          }
          set.start(request)
          time.runUntil(time.now() + 3 * serviceMs)
        }
        assert.equal(waits.length, 20)
        assert.ok(median(waits) <= 8 * between, `${median(waits)} > ${8 * between}`)
      }),
      { numRuns: 20 },
    )
  })

  it('keeps its limits and loses no request, whatever comes', () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant('arrive' as const),
        flow: fc.integer({ min: 0, max: 9 }),
        initialSeats: fc.integer({ min: 1, max: 4 }),
        finalSeats: fc.integer({ min: 0, max: 6 }),
        additionalLatencyMs: fc.integer({ min: 0, max: 5 }),
      }),
      fc.record({ type: fc.constant('finish' as const), at: fc.nat() }),
      fc.record({ type: fc.constant('leave' as const), at: fc.nat() }),
      fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 20 }) }),
      fc.record({
        type: fc.constant('configure' as const),
        queues: fc.integer({ min: 0, max: 8 }),
        limit: fc.integer({ min: 0, max: 8 }),
      }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { set, time } = aSet(queued(4, 2, 3), 4)
        const flows = Array.from({ length: 10 }, (_, i) => aFlow(String(i)))
        let limit = 4
        const live: FlowRequest[] = []
        const pick = (state: FlowRequest['state'], at: number): FlowRequest | undefined => {
          const candidates = live.filter((request) => request.state === state)
          return candidates[at % Math.max(candidates.length, 1)]
        }
        let before = 0
        for (const action of steps) {
          const seatsBefore = set.seatsInUse
          switch (action.type) {
            case 'arrive': {
              const request = aRequest(set, flows[action.flow] ?? aFlow('x'), action)
              if (set.start(request) === undefined) live.push(request)
              else assert.equal(request.state, 'waiting')
              break
            }
            case 'finish': {
              const request = pick('executing', action.at)
              if (request !== undefined) set.finish(request)
              break
            }
            case 'leave': {
              const request = pick('waiting', action.at)
              if (request !== undefined) set.leave(request)
              break
            }
            case 'pass':
              time.runUntil(time.now() + action.ms)
              break
            case 'configure':
              limit = action.limit
              set.configure(action.queues === 0 ? { type: 'reject' } : queued(action.queues, 1, 3), limit)
              break
          }
          const executing = live.filter(({ state }) => state === 'executing')
          const waiting = live.filter(({ state }) => state === 'waiting')
          assert.equal(set.executingRequests, executing.length)
          assert.equal(set.waitingRequests, waiting.length)
          assert.ok(set.seatsInUse >= executing.reduce((sum, { seats }) => sum + seats, 0))
          const fits = set.seatsInUse <= limit
          const wideAlone = executing.length === 1
          const lowered = set.seatsInUse <= Math.max(seatsBefore, before)
          assert.ok(fits || wideAlone || lowered, `${set.seatsInUse} seats of ${limit}`)
          for (const { waiting: line } of set.queues.values()) assert.ok(line.length <= 3)
          before = set.seatsInUse
        }
        set.configure(queued(1, 1, 3), 100)
        for (let request = pick('executing', 0); request !== undefined; request = pick('executing', 0))
          set.finish(request)
        time.runOut()
        assert.ok(live.every(({ state }) => state === 'over'))
        assert.deepEqual([set.seatsInUse, set.seatsWaiting, set.isIdle], [0, 0, true])
        for (const { counters } of flows) {
          assert.deepEqual(
            [counters.executingRequests, counters.executingSeats, counters.waitingRequests, counters.waitingSeats],
            [0, 0, 0, 0],
          )
        }
      }),
      { numRuns: 60 },
    )
  })
})
