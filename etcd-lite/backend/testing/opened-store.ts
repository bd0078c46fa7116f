/** Opens a store of a test and tells what a reader can know of it. */
import { RangeRequest } from '../../../component-base/etcd/messages.ts'
import { Lessor } from '../../lease/lessor.ts'
import { MvccStore } from '../../mvcc/store.ts'
import { openDurableBackend } from '../durable.ts'

const never = (err: unknown): never => {
  throw err
}

export interface Opened extends AsyncDisposable {
  readonly store: MvccStore
  readonly lessor: Lessor
  /** Damaged values that were read. */
  readonly corrupt: readonly unknown[]
}

export const open = async (dir: string): Promise<Opened> => {
  const backend = await openDurableBackend(dir, never)
  try {
    const lessor = new Lessor()
    await lessor.restore(backend)
    const corrupt: unknown[] = []
    const store = await MvccStore.open({
      backend,
      leases: lessor,
      cacheBytes: 0,
      checkIndex: (records) => backend.checkIndex(records),
      onCorrupt: (err) => corrupt.push(err),
      onFailed: never,
    })
    lessor.start(store)
    return {
      store,
      lessor,
      corrupt,
      [Symbol.asyncDispose]: async () => {
        lessor.stop()
        await store.drain()
        await backend.close()
      },
    }
  } catch (err) {
    await backend.close()
    throw err
  }
}

const everything = { key: Buffer.from('\0'), rangeEnd: Buffer.from('\0') }
const rangeAt = (revision: number): RangeRequest =>
  RangeRequest.decode(RangeRequest.encode({ ...everything, revision }))

/** What a reader can know of a store: all keys at two revisions, and the leases. */
export const answersOf = async ({ store, lessor }: Opened): Promise<unknown> => {
  const states: unknown[] = []
  for (const revision of [store.revision, Math.max(store.compactedRevision, 1)]) {
    const { response } = await store.range(rangeAt(revision))
    states.push(response.kvs.map((kv) => Buffer.from(kv).toString('latin1')))
  }
  const leases = lessor
    .list()
    .map((id) => [id, lessor.timeToLive(id)?.granted, lessor.timeToLive(id)?.keys.map(String)])
  return { revision: store.revision, compacted: store.compactedRevision, states, leases }
}
