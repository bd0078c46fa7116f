/**
 * What really happened, asked of the store itself: every change of some resources in the order of revisions. What any
 * watch or list of the API server tells is compared with it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeObject } from '../../../api/types.ts'
import type { EtcdClient } from '../../../component-base/etcd/client.ts'
import { eventType } from '../../../component-base/etcd/messages.ts'
import { prefixEnd } from '../../../apiserver/storage/keys.ts'
import { waitFor } from '../../harness/wait.ts'

/** Which objects a client asked for. */
export interface View {
  /** Below the resource's prefix: `ns/`, or ''. */
  readonly prefix: string
  readonly matches: (object: KubeObject) => boolean
}

export interface Version {
  readonly key: string
  readonly revision: number
  readonly object: KubeObject
}

export interface SeenEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly key: string
  readonly revision: number
  readonly object: KubeObject
}

interface Change {
  readonly key: string
  readonly revision: number
  /** Undefined: deleted. */
  readonly object: KubeObject | undefined
}

/** The object without its resourceVersion: what two versions of the same content have in common. */
export const contentOf = ({ metadata, ...rest }: KubeObject): string => {
  const { resourceVersion: _version, ...others } = metadata ?? {}
  return JSON.stringify({ ...rest, metadata: others })
}

/** The history of one resource from a revision on. */
export class History {
  readonly #start: ReadonlyMap<string, Version>
  readonly #changes: Change[] = []

  constructor(start: readonly Version[]) {
    this.#start = new Map(start.map((version) => [version.key, version]))
  }

  add(change: Change): void {
    this.#changes.push(change)
  }

  /** Revisions at which something changed. */
  get revisions(): number[] {
    return this.#changes.map(({ revision }) => revision)
  }

  /** The objects of a view as they were at a revision, in order of keys. */
  stateAt(revision: number, { prefix, matches }: View): Version[] {
    const state = new Map(this.#start)
    for (const { key, object, revision: at } of this.#changes) {
      if (at > revision) break
      if (object === undefined) state.delete(key)
      else state.set(key, { key, revision: at, object })
    }
    return [...state.values()]
      .filter(({ key, object }) => key.startsWith(prefix) && matches(object))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** What a watch of the view sees, from the beginning. */
  seenBy({ prefix, matches }: View): SeenEvent[] {
    const last = new Map<string, KubeObject>()
    for (const { key, object } of this.#start.values()) last.set(key, object)
    const events: SeenEvent[] = []
    for (const { key, object, revision } of this.#changes) {
      const before = last.get(key)
      if (object === undefined) last.delete(key)
      else last.set(key, object)
      if (!key.startsWith(prefix)) continue
      const was = before !== undefined && matches(before)
      const is = object !== undefined && matches(object)
      if (is) events.push({ type: was ? 'MODIFIED' : 'ADDED', key, revision, object })
      else if (was) events.push({ type: 'DELETED', key, revision, object: before })
    }
    return events
  }
}

export interface Truth extends AsyncDisposable {
  readonly startRevision: number
  readonly of: (resource: string) => History
  /** Waits until everything up to the store's present revision is known. */
  readonly caughtUp: () => Promise<number>
}

const parse = (value: Uint8Array): KubeObject => JSON.parse(Buffer.from(value).toString('utf8')) as KubeObject

/** Follows the store from now on; `prefixes` are of keys: `/registry/configmaps/`, by resource. */
export const followStore = async (
  newClient: () => EtcdClient,
  prefixes: Readonly<Record<string, string>>,
): Promise<Truth> => {
  const client = newClient()
  const abort = new AbortController()
  const probe = { key: Buffer.from('/'), countOnly: true }
  const startRevision = (await client.range(probe)).header?.revision ?? 0
  const histories = new Map<string, { readonly prefix: string; readonly history: History }>()
  for (const [resource, prefix] of Object.entries(prefixes)) {
    const range = { key: Buffer.from(prefix), rangeEnd: Buffer.from(prefixEnd(prefix)), revision: startRevision }
    const versions = (await client.range(range)).kvs.map(({ key, value, modRevision }) => ({
      key: Buffer.from(key).toString('utf8').slice(prefix.length),
      revision: modRevision,
      object: parse(value),
    }))
    histories.set(resource, { prefix, history: new History(versions) })
  }
  const all = [...histories.values()]
  let known = startRevision
  const follow = async (): Promise<void> => {
    const everything = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]), startRevision: known + 1 }
    for await (const response of client.watch(everything, abort.signal)) {
      if (response.canceled) throw new Error(`the store's watch was cancelled: ${response.cancelReason}`)
      for (const { type, kv } of response.events) {
        if (kv === undefined) continue
        const key = Buffer.from(kv.key).toString('utf8')
        const found = all.find(({ prefix }) => key.startsWith(prefix))
        const object = type === eventType.delete ? undefined : parse(kv.value)
        found?.history.add({ key: key.slice(found.prefix.length), revision: kv.modRevision, object })
        known = kv.modRevision
      }
    }
  }
  const done = (async () => {
    while (!abort.signal.aborted) await follow().catch(() => delay(50))
  })()
  return {
    startRevision,
    of: (resource) => {
      const found = histories.get(resource)
      if (found === undefined) throw new Error(`nobody follows ${resource}`)
      return found.history
    },
    caughtUp: () =>
      waitFor(
        async () => {
          const revision = (await client.range(probe)).header?.revision ?? 0
          return known >= revision ? known : undefined
        },
        { what: 'the store to be followed' },
      ),
    [Symbol.asyncDispose]: async () => {
      abort.abort()
      client.close()
      await done
    },
  }
}
