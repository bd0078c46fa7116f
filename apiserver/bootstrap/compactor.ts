/**
 * Compacts the store's history every few minutes, keeping one interval of it. Of several API servers one does it: who
 * wins a compare-and-swap on a key that all know. Upstream: k8s.io/apiserver/pkg/storage/etcd3/compact.go
 */
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { KeyValueStore } from '../storage/key-value.ts'

const key = 'compact_rev_key'

export interface CompactorOptions {
  readonly store: KeyValueStore
  readonly intervalMs: number
  /** Told of each compaction, to forget the same history in memory. */
  readonly compacted: (revision: number) => void
  readonly log: Logger
}

export const runCompactor = async (
  { store, intervalMs, compacted, log }: CompactorOptions,
  signal: AbortSignal,
): Promise<void> => {
  if (intervalMs === 0) return
  let revision = 0
  while (!signal.aborted) {
    await sleep(intervalMs, signal).catch(() => {})
    if (signal.aborted) return
    try {
      const { current, revision: now } = await store.get(key)
      const result = await store.put(key, Buffer.from(String(revision)), current?.modRevision ?? 0)
      if (result.type === 'written' && revision > 0) {
        await store.compact(revision)
        compacted(revision)
      }
      revision = now
    } catch (err) {
      log.warn({ err }, 'cannot compact the store')
    }
  }
}
