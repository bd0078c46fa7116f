/** The Watch service: one stream carries many watches. */
import { watch } from '../../component-base/etcd/service.ts'
import {
  type WatchCreateRequest,
  type WatchRequest,
  WatchResponse,
  watchFilter,
} from '../../component-base/etcd/watch-messages.ts'
import { type Implementation, implementStream, type ServerStreamCall } from '../../component-base/grpc/server.ts'
import type { InputOf } from '../../component-base/protobuf/message.ts'
import { GrpcError, grpcCodeName } from '../../component-base/grpc/status.ts'
import type { Access } from '../auth/access.ts'
import { etcdError } from '../mvcc/errors.ts'
import { type KeyRange, keyRange } from '../mvcc/key-range.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { WatchHub } from '../watch/hub.ts'
import { Watcher, type WatchSink } from '../watch/watcher.ts'
import type { HeaderEncoder } from './identity.ts'

type Call = ServerStreamCall<WatchRequest, InputOf<typeof WatchResponse>>

/** In responses that belong to no watch. */
const noWatch = -1n
const fromZero = Buffer.from([0])

export interface WatchDeps {
  readonly store: MvccStore
  readonly access: Access
  readonly header: HeaderEncoder
  readonly onError: (err: unknown) => void
}

/** All watch streams of the server. */
export class WatchService {
  readonly #deps: WatchDeps
  readonly #hub: WatchHub
  readonly #streams = new Map<WatchSink, WatchStream>()

  constructor(deps: WatchDeps) {
    this.#deps = deps
    this.#hub = new WatchHub({
      store: deps.store,
      onCompacted: (watcher, revision) => this.#streams.get(watcher.sink)?.endCompacted(watcher, revision),
      onSynced: (watcher) => this.#streams.get(watcher.sink)?.synced(),
      onFailed: (watcher, err) => {
        deps.onError(err)
        this.#streams.get(watcher.sink)?.endFailed(watcher)
      },
    })
  }

  get implementation(): Implementation {
    return implementStream(watch.watch, async (call) => {
      const stream = new WatchStream(call, this.#deps, this.#hub)
      this.#streams.set(stream.sink, stream)
      try {
        for await (const request of call.requests) stream.handle(request)
        await aborted(call.signal) // a client that half-closed still gets its events
      } finally {
        this.#streams.delete(stream.sink)
        stream.close()
      }
    })
  }

  /** Sends progress to watchers that asked for it and have been idle. */
  notifyProgress(): void {
    this.#hub.notifyProgress()
  }

  /** Streams, watches, those of them that have not caught up, and events sent since the start. */
  counts(): { readonly streams: number; readonly watchers: number; readonly slow: number; readonly events: number } {
    let watchers = 0
    let slow = 0
    for (const stream of this.#streams.values()) {
      watchers += stream.watcherCount
      slow += stream.slowCount
    }
    return { streams: this.#streams.size, watchers, slow, events: this.#hub.eventsSent }
  }

  close(): void {
    this.#hub.close()
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** The range of a watch: an empty key means the key of one zero byte. Undefined when nothing can be in it. */
const watchRange = ({ key, rangeEnd }: WatchCreateRequest): KeyRange | undefined => {
  const start = key.length === 0 ? fromZero : key
  const range = keyRange(start, rangeEnd)
  const empty = range.type === 'range' && range.end !== undefined && range.start >= range.end
  return empty ? undefined : range
}

class WatchStream {
  readonly sink: WatchSink
  readonly #call: Call
  readonly #deps: WatchDeps
  readonly #hub: WatchHub
  readonly #watchers = new Map<bigint, Watcher>()
  /** IDs of watches that a compaction ended: taken until their client cancels them. */
  readonly #ended = new Set<bigint>()
  #nextId = 0n
  #progress: 'none' | 'wanted' = 'none'

  constructor(call: Call, deps: WatchDeps, hub: WatchHub) {
    this.#call = call
    this.#deps = deps
    this.#hub = hub
    this.sink = {
      send: (parts) => call.writeEncoded(parts),
      get bufferedBytes() {
        return call.bufferedBytes
      },
      drained: () => call.drained(),
      header: deps.header,
    }
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  /** Watches that read history, because they began in the past or their client is slow. */
  get slowCount(): number {
    let count = 0
    for (const { state } of this.#watchers.values()) if (state === 'catching up') count++
    return count
  }

  handle({ createRequest, cancelRequest, progressRequest }: WatchRequest): void {
    if (createRequest !== undefined) this.#create(createRequest)
    else if (cancelRequest !== undefined) this.#cancel(cancelRequest.watchId)
    else if (progressRequest !== undefined) {
      this.#progress = 'wanted'
      this.synced()
    }
  }

  /** Answers a wish for progress when every watch of the stream has all there is; a stream without any has none. */
  synced(): void {
    if (this.#progress === 'none') return
    if (this.#watchers.size === 0) {
      this.#progress = 'none'
      return
    }
    for (const { state } of this.#watchers.values()) if (state !== 'synced') return
    this.#progress = 'none'
    this.#send({ watchId: noWatch })
  }

  endCompacted(watcher: Watcher, compactRevision: number): void {
    const { id } = watcher.spec
    this.#end(watcher)
    this.#ended.add(id)
    this.#send({ header: this.#deps.header(0), watchId: id, canceled: true, compactRevision }) // as etcd: no revision
  }

  endFailed(watcher: Watcher): void {
    const { id } = watcher.spec
    this.#end(watcher)
    this.#send({ watchId: id, canceled: true, cancelReason: etcdError('watchCanceled').details })
  }

  close(): void {
    for (const watcher of this.#watchers.values()) this.#hub.remove(watcher)
    this.#watchers.clear()
  }

  #create(request: WatchCreateRequest): void {
    const refusal = this.#refusalOf(request)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    const range = watchRange(request)
    if (range === undefined) {
      this.#refuse('mvcc: watcher range is empty')
      return
    }
    if (request.watchId !== 0n && this.#isTaken(request.watchId)) {
      this.#refuse('mvcc: duplicate watch ID provided on the WatchStream')
      return
    }
    const id = request.watchId === 0n ? this.#freshId() : request.watchId
    const spec = {
      id,
      range,
      prevKv: request.prevKv,
      noPut: request.filters.includes(watchFilter.noPut),
      noDelete: request.filters.includes(watchFilter.noDelete),
      fragment: request.fragment,
      progressNotify: request.progressNotify,
    }
    const next = request.startRevision === 0 ? this.#deps.store.revision + 1 : request.startRevision
    const watcher = new Watcher(spec, this.sink, next)
    this.#watchers.set(id, watcher)
    this.#send({ watchId: id, created: true })
    this.#hub.add(watcher)
  }

  /** Why auth does not allow a watch; it is asked once, when a watch begins, with the stream's credentials. */
  #refusalOf({ key, rangeEnd }: WatchCreateRequest): string | undefined {
    try {
      this.#deps.access.reader(this.#call)?.range({ key: key.length === 0 ? fromZero : key, rangeEnd })
      return undefined
    } catch (err) {
      if (!(err instanceof GrpcError)) throw err
      return `rpc error: code = ${grpcCodeName(err.code)} desc = ${err.details}`
    }
  }

  #cancel(id: bigint): void {
    const watcher = this.#watchers.get(id)
    if (watcher !== undefined) this.#end(watcher)
    else if (!this.#ended.delete(id)) return
    this.#send({ watchId: id, canceled: true })
  }

  #end(watcher: Watcher): void {
    this.#hub.remove(watcher)
    this.#watchers.delete(watcher.spec.id)
    this.synced()
  }

  #refuse(cancelReason: string): void {
    this.#send({ watchId: noWatch, created: true, canceled: true, cancelReason })
  }

  #freshId(): bigint {
    while (this.#isTaken(this.#nextId)) this.#nextId++
    return this.#nextId++
  }

  #isTaken(id: bigint): boolean {
    return this.#watchers.has(id) || this.#ended.has(id)
  }

  #send(response: InputOf<typeof WatchResponse>): void {
    this.#call.write({ header: this.#deps.header(this.#deps.store.revision), ...response })
  }
}
