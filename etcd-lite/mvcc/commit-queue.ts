/**
 * Group commit. One batch is on its way to the disk at a time; what arrives meanwhile is gathered into the next one:
 *
 *     write → gathering ──(nothing in flight)──► in flight ──(fsync)──► committed → acknowledged
 *
 * Guarantees: batches are committed in order; a batch is on the disk, whole, before anybody hears of it. If a commit
 * fails nothing after it is tried: memory is ahead of the disk and only a restart makes them one again.
 */
import type { Backend, BackendOp } from '../backend/backend.ts'
import { etcdError } from './errors.ts'

interface Batch<Item> {
  readonly ops: BackendOp[]
  readonly items: Item[]
  readonly done: Promise<void>
  readonly resolve: () => void
  readonly reject: (err: unknown) => void
}

export interface CommitQueueOptions<Item> {
  readonly backend: Backend
  /** Called with what was committed, in order, before its writers are answered. */
  readonly onCommitted: (items: readonly Item[]) => void
  /** Called once, with the error that ended the queue. */
  readonly onFailed: (err: unknown) => void
}

const newBatch = <Item>(): Batch<Item> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {}) // a batch may have nobody waiting
  return { ops: [], items: [], done: promise, resolve, reject }
}

export class CommitQueue<Item> {
  readonly #options: CommitQueueOptions<Item>
  #gathering: Batch<Item> | undefined
  #inFlight: Batch<Item> | undefined
  #failure: unknown

  constructor(options: CommitQueueOptions<Item>) {
    this.#options = options
  }

  /** Adds a write. The promise resolves when it is on the disk. */
  add(ops: readonly BackendOp[], item?: Item): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(etcdError('stopped', { cause: this.#failure }))
    if (this.#gathering === undefined) {
      this.#gathering = newBatch()
      // At the end of this turn of the event loop: requests that came in together go to the disk together.
      if (this.#inFlight === undefined) setImmediate(() => this.#start())
    }
    const batch = this.#gathering
    for (const op of ops) batch.ops.push(op)
    if (item !== undefined) batch.items.push(item)
    return batch.done
  }

  /** Resolves when everything added so far is on the disk; undefined if it is already. */
  settled(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(etcdError('stopped', { cause: this.#failure }))
    return (this.#gathering ?? this.#inFlight)?.done
  }

  #start(): void {
    const batch = this.#gathering
    if (batch === undefined || this.#inFlight !== undefined || this.#failure !== undefined) return
    this.#gathering = undefined
    this.#inFlight = batch
    this.#options.backend.commit(batch.ops, { sync: true }).then(
      () => {
        this.#inFlight = undefined
        this.#options.onCommitted(batch.items)
        batch.resolve()
        this.#start()
      },
      (err: unknown) => this.#fail(err, batch),
    )
  }

  #fail(err: unknown, batch: Batch<Item>): void {
    this.#failure = err
    const stopped = etcdError('stopped', { cause: err })
    batch.reject(stopped)
    this.#gathering?.reject(stopped)
    this.#options.onFailed(err)
  }
}
