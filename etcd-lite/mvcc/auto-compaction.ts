/** --auto-compaction-mode and -retention: periodic keeps the history of a time, revision keeps a number of revisions. */
import type { MvccStore } from './store.ts'

export type AutoCompaction =
  | { readonly type: 'off' }
  | { readonly type: 'periodic'; readonly retentionMs: number }
  | { readonly type: 'revision'; readonly retention: number }

const hourMs = 3_600_000
const revisionCheckMs = 5 * 60_000
/** etcd looks ten times in a retention period, at most hourly retention at a time. */
const samplesPerPeriod = 10

/** Runs until `signal` aborts; `onError` hears of compactions that failed. */
export const startAutoCompaction = (
  store: MvccStore,
  config: AutoCompaction,
  { signal, onError }: { readonly signal: AbortSignal; readonly onError: (err: unknown) => void },
): void => {
  if (config.type === 'off') return
  const compactTo = (revision: number): void => {
    if (revision <= store.compactedRevision) return
    store.compact(revision, false).catch(onError)
  }
  const everyMs =
    config.type === 'revision'
      ? revisionCheckMs
      : Math.max(1000, Math.min(config.retentionMs, hourMs) / samplesPerPeriod)
  const samples: number[] = []
  const timer = setInterval(() => {
    if (config.type === 'revision') {
      compactTo(store.revision - config.retention)
      return
    }
    samples.push(store.revision)
    const kept = Math.ceil(config.retentionMs / everyMs)
    if (samples.length > kept) compactTo(samples.shift() ?? 0)
  }, everyMs)
  timer.unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
