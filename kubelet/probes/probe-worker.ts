/** Runs one probe of one started container until it stops. Upstream: pkg/kubelet/prober/worker.go. */
import type { Probe } from '../../api/types.ts'
import type { ProbeResult } from './probe.ts'

export type Outcome = 'success' | 'failure'

export interface ProbeWorkerOptions {
  readonly probe: Probe
  /** When the container started, milliseconds since the epoch. */
  readonly startedAt: number
  readonly now: () => number
  readonly run: () => Promise<ProbeResult>
  /** Whether the probe may run now: others wait for the startup probe. */
  readonly enabled: () => boolean
  /** Before the first outcome. */
  readonly initial: Outcome | undefined
  readonly onResult: (result: ProbeResult) => void
  readonly onChange: (outcome: Outcome) => void
  /** A worker of this kind has nothing more to say after this outcome. */
  readonly endsOn: Outcome | undefined
}

export interface ProbeWorker {
  readonly outcome: () => Outcome | undefined
  /** Probes at once instead of at the next period. */
  trigger(): void
  stop(): void
}

/** Counts equal results in a row; the outcome changes when their number reaches its threshold. */
export const startProbeWorker = (options: ProbeWorkerOptions): ProbeWorker => {
  const { probe, now } = options
  const periodMs = (probe.periodSeconds ?? 10) * 1000
  const thresholds = { success: probe.successThreshold ?? 1, failure: probe.failureThreshold ?? 3 }
  let outcome = options.initial
  let last: Outcome | undefined
  let run = 0
  let stopped = false
  let busy = false
  let timer: NodeJS.Timeout | undefined

  const schedule = (ms: number): void => {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(() => void tick(), ms)
  }

  const count = (result: ProbeResult): void => {
    const kind: Outcome = result.type === 'success' || result.type === 'warning' ? 'success' : 'failure'
    run = kind === last ? run + 1 : 1
    last = kind
    if (run < thresholds[kind] || kind === outcome) return
    outcome = kind
    options.onChange(kind)
  }

  const tick = async (): Promise<void> => {
    if (busy || stopped) return
    busy = true
    const startedAt = now()
    if (options.enabled()) {
      const result = await options.run()
      if (!stopped) {
        options.onResult(result)
        count(result)
      }
    }
    busy = false
    if (outcome !== undefined && outcome === options.endsOn) stopped = true
    schedule(Math.max(0, periodMs - (now() - startedAt)))
  }

  schedule(Math.max(0, options.startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - now()))
  return {
    outcome: () => outcome,
    trigger: () => {
      if (!busy && now() >= options.startedAt + (probe.initialDelaySeconds ?? 0) * 1000) schedule(0)
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}
