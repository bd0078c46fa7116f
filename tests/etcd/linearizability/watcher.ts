/** A watcher that goes on from where it was, whatever happens to the server. */
import type { EtcdClient } from '../../../component-base/etcd/client.ts'
import { eventType } from '../../../component-base/etcd/messages.ts'
import { sleep } from '../../../component-base/clock.ts'
import { isLoss } from './history.ts'

export interface Seen {
  readonly revision: number
  readonly key: string
  /** Undefined: deleted. */
  readonly value: string | undefined
  /** The value before, as the server says. */
  readonly before: string | undefined
}

const retryMs = 20

/** Appends every event of a range to `seen` until `signal` aborts. Throws when the server ends the watch. */
export const follow = async (
  client: EtcdClient,
  range: { readonly key: Buffer; readonly rangeEnd: Buffer },
  seen: Seen[],
  signal: AbortSignal,
): Promise<void> => {
  let next = 1
  while (!signal.aborted) {
    try {
      for await (const response of client.watch({ ...range, startRevision: next, prevKv: true }, signal)) {
        if (response.canceled) throw new Error(`the watch was ended: ${response.cancelReason}`)
        for (const { type, kv, prevKv } of response.events) {
          seen.push({
            revision: kv?.modRevision ?? 0,
            key: String(kv?.key),
            value: type === eventType.delete ? undefined : String(kv?.value),
            before: prevKv === undefined ? undefined : String(prevKv.value),
          })
        }
        // A response holds whole revisions.
        next = Math.max(next, (response.events.at(-1)?.kv?.modRevision ?? 0) + 1)
      }
    } catch (err) {
      if (!isLoss(err)) throw err
      await sleep(retryMs)
    }
  }
}

/** The state of a range at every revision must follow from the one before by the events seen: none missed, none twice. */
export const problemsOf = (seen: readonly Seen[]): string[] => {
  const problems: string[] = []
  const state = new Map<string, string>()
  let last = { revision: 0, keys: new Set<string>() }
  for (const { revision, key, value, before } of seen) {
    if (revision < last.revision) problems.push(`revision ${revision} of ${key} after ${last.revision}`)
    if (revision !== last.revision) last = { revision, keys: new Set() }
    if (last.keys.has(key)) problems.push(`${key} twice in revision ${revision}`)
    last.keys.add(key)
    if (state.get(key) !== before) {
      problems.push(`${key} in revision ${revision} was ${before}, and ${state.get(key)} by the events before`)
    }
    if (value === undefined) state.delete(key)
    else state.set(key, value)
  }
  return problems
}
