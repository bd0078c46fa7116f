/** What a server counts of one method: plain fields, so that counting is nearly free. */
import type { PlainHistogram } from '../metrics/histogram.ts'

export interface CallCounters {
  started: number
  /** Ended calls by status code. */
  readonly ended: number[]
  received: number
  receivedBytes: number
  sent: number
  sentBytes: number
  /** How long calls took, in seconds; undefined where nobody asks. */
  readonly durations: PlainHistogram | undefined
}

const codes = 17

export const newCallCounters = (durations?: PlainHistogram): CallCounters => ({
  started: 0,
  ended: Array.from({ length: codes }, () => 0),
  received: 0,
  receivedBytes: 0,
  sent: 0,
  sentBytes: 0,
  durations,
})

/** Counts a call that begins; returns when it did, if durations are wanted. */
export const countStart = (counters: CallCounters): number => {
  counters.started++
  return counters.durations === undefined ? 0 : performance.now()
}

export const countEnd = (counters: CallCounters, code: number, startedMs: number): void => {
  counters.ended[code] = (counters.ended[code] ?? 0) + 1
  counters.durations?.observe((performance.now() - startedMs) / 1000)
}

export const countReceived = (counters: CallCounters, bytes: number): void => {
  counters.received++
  counters.receivedBytes += bytes
}

export const countSent = (counters: CallCounters, bytes: number): void => {
  counters.sent++
  counters.sentBytes += bytes
}
