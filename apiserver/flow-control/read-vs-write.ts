/** How many requests wait and are served, those that read and those that change apart. */
import type { FlowRequest } from './flow-request.ts'
import { TimingRatio } from './timing-ratio.ts'

const bounds = [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]
const readVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

export const phases = ['executing', 'waiting'] as const
export const requestKinds = ['mutating', 'readOnly'] as const
export type Phase = (typeof phases)[number]
export type RequestKind = (typeof requestKinds)[number]

/** A count with the greatest value that it had in the last whole second. */
export class RequestCount {
  readonly ratio: TimingRatio
  #count = 0
  #second = 0
  #max = 0
  #lastMax = 0

  constructor(nowMs: number) {
    this.ratio = new TimingRatio(bounds, nowMs)
  }

  add(change: 1 | -1, nowMs: number): void {
    this.#rotate(nowMs)
    this.#count += change
    if (this.#count > this.#max) this.#max = this.#count
    this.ratio.set(this.#count, nowMs)
  }

  watermark(nowMs: number): number {
    this.#rotate(nowMs)
    return this.#lastMax
  }

  #rotate(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second === this.#second) return
    this.#lastMax = second === this.#second + 1 ? this.#max : this.#count
    this.#second = second
    this.#max = this.#count
  }
}

export class ReadVsWrite {
  readonly counts: Readonly<Record<Phase, Readonly<Record<RequestKind, RequestCount>>>>

  constructor(nowMs: number) {
    const each = () => ({ mutating: new RequestCount(nowMs), readOnly: new RequestCount(nowMs) })
    this.counts = { executing: each(), waiting: each() }
  }

  /** What the whole server may have; both more than 0. */
  setLimits(executing: number, waiting: number, nowMs: number): void {
    for (const kind of requestKinds) {
      this.counts.executing[kind].ratio.setDenominator(executing, nowMs)
      this.counts.waiting[kind].ratio.setDenominator(waiting, nowMs)
    }
  }

  /** A request has come, and waits or is served. */
  came({ state, info, arrivalMs }: FlowRequest): void {
    this.#count(state === 'waiting' ? 'waiting' : 'executing', info.verb, 1, arrivalMs)
  }

  /** A request waits no more. */
  waited({ info }: FlowRequest, dispatched: boolean, nowMs: number): void {
    this.#count('waiting', info.verb, -1, nowMs)
    if (dispatched) this.#count('executing', info.verb, 1, nowMs)
  }

  /** A request has been served. */
  ended({ info, endMs }: FlowRequest): void {
    this.#count('executing', info.verb, -1, endMs)
  }

  #count(phase: Phase, verb: string, change: 1 | -1, nowMs: number): void {
    this.counts[phase][readVerbs.has(verb) ? 'readOnly' : 'mutating'].add(change, nowMs)
  }
}
