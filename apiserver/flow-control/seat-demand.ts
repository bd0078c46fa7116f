/** How many seats a priority level could have used, over a period: its demand. Upstream: fairqueuing/integrator.go */

export interface DemandOfPeriod {
  readonly seconds: number
  readonly average: number
  /** Standard deviation. */
  readonly deviation: number
  readonly max: number
}

/** Integrates a number that changes at times, and its square. */
export class SeatDemand {
  #value = 0
  #max = 0
  #lastMs: number
  #seconds = 0
  #integral = 0
  #squares = 0

  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  set(value: number, nowMs: number): void {
    this.#advance(nowMs)
    this.#value = value
    if (value > this.#max) this.#max = value
  }

  /** The period so far; a new one begins. */
  takePeriod(nowMs: number): DemandOfPeriod {
    this.#advance(nowMs)
    const seconds = this.#seconds
    const average = seconds > 0 ? this.#integral / seconds : 0
    const variance = seconds > 0 ? this.#squares / seconds - average * average : 0
    const period = { seconds, average, deviation: Math.sqrt(Math.max(variance, 0)), max: this.#max }
    this.#seconds = 0
    this.#integral = 0
    this.#squares = 0
    this.#max = this.#value
    return period
  }

  #advance(nowMs: number): void {
    const seconds = (nowMs - this.#lastMs) / 1000
    this.#lastMs = nowMs
    this.#seconds += seconds
    this.#integral += this.#value * seconds
    this.#squares += this.#value * this.#value * seconds
  }
}

export interface DemandStatistics {
  readonly average: number
  readonly deviation: number
  readonly highWatermark: number
  /** Rises at once, and falls by half in five minutes. */
  readonly smoothed: number
}

export const noDemand: DemandStatistics = { average: 0, deviation: 0, highWatermark: 0, smoothed: 0 }

/** Upstream: seatDemandSmoothingCoefficient, for periods of ten seconds. */
const smoothing = 0.977

export const afterPeriod = (before: DemandStatistics, period: DemandOfPeriod): DemandStatistics => {
  const highWatermark = Math.round(period.max)
  if (period.seconds <= 0) return { ...before, highWatermark }
  const { average, deviation } = period
  const envelope = average + deviation
  return {
    average,
    deviation,
    highWatermark,
    smoothed: Math.max(envelope, smoothing * before.smoothed + (1 - smoothing) * envelope),
  }
}
