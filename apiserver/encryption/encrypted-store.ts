/** A KeyValueStore that keeps values encrypted in another one. Keys, revisions and leases stay as they are. */
import { StatusError } from '../../api/meta/status-error.ts'
import type { KeyValue, KeyValueStore, StoreEvent, StoreEvents, WriteResult } from '../storage/key-value.ts'
import type { Plain, Transformer } from './transformer.ts'

/** Upstream: storage.NewInternalError; clients are told why, as they are by upstream. */
const cannot = (message: string, cause: unknown): StatusError =>
  new StatusError('InternalError', `Internal error occurred: ${message}`, { cause })

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** All at once, or in a promise where one of them has to wait. */
const whenAll = <T>(values: readonly (T | Promise<T>)[]): readonly T[] | Promise<readonly T[]> =>
  values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as readonly T[])

export const encryptedStore = (store: KeyValueStore, transformerOf: (key: string) => Transformer): KeyValueStore => {
  const decrypt = (key: string, value: Buffer): Plain | Promise<Plain> =>
    transformerOf(key).fromStorage(value, Buffer.from(key))
  const open = (item: KeyValue, prefix: string): KeyValue | Promise<KeyValue> => {
    const opened = ({ data, stale }: Plain): KeyValue => ({ ...item, value: data, stale })
    const failed = (error: unknown): never => {
      throw cannot(`${prefix}${reason(error)}`, error)
    }
    try {
      const plain = decrypt(item.key, item.value)
      return plain instanceof Promise ? plain.then(opened, failed) : opened(plain)
    } catch (error) {
      return failed(error)
    }
  }
  const openResult = async (result: WriteResult): Promise<WriteResult> =>
    result.type === 'written' || result.current === undefined
      ? result
      : { type: 'conflict', current: await open(result.current, '') }
  const openEvent = (event: StoreEvent): StoreEvent | Promise<StoreEvent> => {
    if (event.type === 'delete') return event
    const opened = ({ data }: Plain): StoreEvent => ({ ...event, value: data })
    // Whoever reads it finds no object in it, and begins anew.
    const failed = (): StoreEvent => event
    try {
      const plain = decrypt(event.key, event.value)
      return plain instanceof Promise ? plain.then(opened, failed) : opened(plain)
    } catch {
      return failed()
    }
  }
  async function* watch(revision: number, signal: AbortSignal): AsyncGenerator<StoreEvents> {
    for await (const { revision: reached, events } of store.watch(revision, signal)) {
      yield { revision: reached, events: await whenAll(events.map(openEvent)) }
    }
  }
  return {
    ...store,
    get: async (key) => {
      const { current, revision } = await store.get(key)
      return { current: current === undefined ? undefined : await open(current, ''), revision }
    },
    list: async (range) => {
      const page = await store.list(range)
      const items = page.items.map((item) => open(item, `unable to transform key ${JSON.stringify(item.key)}: `))
      return { ...page, items: await whenAll(items) }
    },
    put: async (key, value, expected, lease) => {
      let bytes: Buffer
      try {
        bytes = await transformerOf(key).toStorage(value, Buffer.from(key))
      } catch (error) {
        throw cannot(reason(error), error)
      }
      return openResult(await store.put(key, bytes, expected, lease))
    },
    delete: async (key, expected) => openResult(await store.delete(key, expected)),
    watch,
  }
}
