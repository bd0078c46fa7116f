/** Time as flow control measures it. */
import { realClock } from '../../component-base/clock.ts'

export interface FlowClock {
  /** Milliseconds that only grow, with their fraction. */
  readonly now: () => number
  readonly after: (ms: number, callback: () => void) => void
  /** In the next turn of the event loop. */
  readonly nextTurn: (callback: () => void) => void
}

export const realFlowClock: FlowClock = {
  now: () => performance.now(),
  after: (ms, callback) => void realClock.setTimeout(callback, ms),
  nextTurn: (callback) => void setImmediate(callback),
}
