/** A world of its own for tests of flow control: its time stands still until the test moves it. */
import type { RequestInfo } from '../server/request-info.ts'
import type { FlowClock } from './clock.ts'
import { FlowCounters } from './counters.ts'
import { type Flow, FlowRequest, type WorkEstimate } from './flow-request.ts'
import type { QueueSet } from './queue-set.ts'
import { flowHash } from './shuffle-sharding.ts'

export class SimulatedTime implements FlowClock {
  #now = 0
  #events: { readonly at: number; readonly callback: () => void }[] = []

  readonly now = (): number => this.#now

  readonly after = (ms: number, callback: () => void): void => {
    const at = this.#now + ms
    const index = this.#events.findIndex((event) => event.at > at)
    this.#events.splice(index < 0 ? this.#events.length : index, 0, { at, callback })
  }

  /** Simulated time has no turns: what happens at one moment happens at once. */
  readonly nextTurn = (callback: () => void): void => this.after(0, callback)

  /** Lets all happen that is due until then. */
  runUntil(ms: number): void {
    for (let event = this.#events[0]; event !== undefined && event.at <= ms; event = this.#events[0]) {
      this.#events.shift()
      this.#now = event.at
      event.callback()
    }
    this.#now = ms
  }

  /** Lets all happen that will. */
  runOut(): void {
    for (let event = this.#events[0]; event !== undefined; event = this.#events[0]) this.runUntil(event.at)
  }
}

export const aFlow = (distinguisher: string, schema = 'test'): Flow => ({
  schema,
  distinguisher,
  counters: new FlowCounters('test', schema),
  hash: () => flowHash(schema, distinguisher),
  hand: undefined,
})

export const anInfo = (info: Partial<RequestInfo> = {}): RequestInfo => ({
  isResourceRequest: true,
  path: '/api/v1/namespaces/default/pods',
  verb: 'get',
  apiPrefix: 'api',
  apiGroup: '',
  apiVersion: 'v1',
  namespace: 'default',
  resource: 'pods',
  subresource: '',
  name: 'p',
  subpath: '',
  ...info,
})

const somebody = { name: 'somebody', uid: '', groups: [], extra: {} }

export const aRequest = (set: QueueSet, flow: Flow, estimate: Partial<WorkEstimate> = {}): FlowRequest =>
  new FlowRequest(
    flow,
    set,
    { user: somebody, info: anInfo() },
    { initialSeats: 1, finalSeats: 0, additionalLatencyMs: 0, ...estimate },
  )
