/** A watch stream of one server, with everything that came on it kept by watch. */
import { Event } from '../../component-base/etcd/messages.ts'
import { watch } from '../../component-base/etcd/service.ts'
import { WatchCreateRequest, WatchRequest, type WatchResponse } from '../../component-base/etcd/watch-messages.ts'
import type { ClientStreamCall, GrpcChannel } from '../../component-base/grpc/client.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import { bidi } from '../../component-base/grpc/method.ts'
import type { MessageType, OutputOf } from '../../component-base/protobuf/message.ts'
import { isTombstoneOfCompaction } from './exceptions.ts'
import { type Naming, normalise } from './normalise.ts'

/** What a watch got, in order. Responses without events are kept as they are; events one by one. */
export type WatchRecord =
  | { readonly type: 'event'; readonly event: OutputOf<typeof Event> }
  | { readonly type: 'control'; readonly response: WatchResponse }

/** Requests are encoded by us: some are not what a client library would send. */
export const rawMessage: MessageType<Buffer, Buffer> = {
  name: 'raw',
  fields: {},
  encode: (bytes) => bytes,
  decode: (bytes) => Buffer.from(bytes),
  write: (writer, bytes) => writer.raw(bytes),
  read: (reader, end, bytes) => bytes.subarray(reader.pos, end),
}

const rawWatch = bidi(watch.watch.path, rawMessage, watch.watch.response)

export class RecordedStream {
  readonly #call: ClientStreamCall<Buffer, WatchResponse>
  readonly #records = new Map<bigint, WatchRecord[]>()
  /** The compacted revision at the creation of watches: of those on their way, and by id. */
  readonly #creating: number[] = []
  readonly #compacted = new Map<bigint, number>()
  readonly #waiting = new Set<() => void>()
  #ended: GrpcError | undefined
  /** Responses that name the newest revision as a header although their events end before it are broken: kept here. */
  readonly oddities: string[] = []

  constructor(channel: GrpcChannel) {
    this.#call = channel.stream(rawWatch)
    this.#read().catch((err: unknown) => {
      this.#ended = GrpcError.from(err)
      this.#wake()
    })
  }

  /** `compacted`: see `isTombstoneOfCompaction` in exceptions.ts. */
  create(request: Parameters<typeof WatchCreateRequest.encode>[0], extra: Buffer, compacted: number): void {
    this.#creating.push(compacted)
    const create = Buffer.concat([WatchCreateRequest.encode(request), extra])
    this.#call.write(WatchRequest.encode({ createRequest: create }))
  }

  cancel(watchId: bigint): void {
    this.#call.write(WatchRequest.encode({ cancelRequest: { watchId } }))
  }

  requestProgress(): void {
    this.#call.write(WatchRequest.encode({ progressRequest: {} }))
  }

  close(): void {
    this.#call.cancel()
  }

  /** Whether a watch was made and has not ended. */
  isActive(watchId: bigint): boolean {
    const controls = (this.#records.get(watchId) ?? []).flatMap((record) =>
      record.type === 'control' ? [record.response] : [],
    )
    return controls.at(-1)?.canceled === false
  }

  /** The newest revision of which a watch has an event. */
  newest(watchId: bigint): number {
    const last = this.#records.get(watchId)?.findLast(({ type }) => type === 'event')
    return last?.type === 'event' ? (last.event.kv?.modRevision ?? 0) : 0
  }

  /** How many control responses of a kind have come, for waiting until the next one is here. */
  count(pick: (response: WatchResponse) => boolean): number {
    let count = 0
    for (const records of this.#records.values()) {
      for (const record of records) if (record.type === 'control' && pick(record.response)) count++
    }
    return count
  }

  /** Everything so far, comparable. */
  normalised(naming: Naming): Record<string, unknown> {
    const ids = [...this.#records.keys()].sort((a, b) => (a < b ? -1 : 1))
    const found = Object.fromEntries(ids.map((id) => [String(id), normalise(this.#records.get(id), naming)]))
    return this.#ended === undefined ? found : { ...found, ended: [this.#ended.code, this.#ended.details] }
  }

  /** Resolves when something comes, or after `ms`. */
  arrival(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#waiting.add(done)
    })
  }

  async #read(): Promise<void> {
    for await (const response of this.#call.responses) {
      const { watchId, events, header } = response
      let records = this.#records.get(watchId)
      if (records === undefined) this.#records.set(watchId, (records = []))
      if (events.length === 0 || response.created || response.canceled) records.push({ type: 'control', response })
      if (response.created) this.#compacted.set(watchId, this.#creating.shift() ?? 0)
      const compacted = this.#compacted.get(watchId) ?? 0
      for (const event of events) {
        if (!isTombstoneOfCompaction(event, compacted)) records.push({ type: 'event', event })
      }
      const last = events.at(-1)?.kv?.modRevision ?? 0
      if ((header?.revision ?? 0) < last) this.oddities.push(`a header of ${header?.revision} with an event of ${last}`)
      this.#wake()
    }
  }

  #wake(): void {
    for (const done of this.#waiting) done()
  }
}
