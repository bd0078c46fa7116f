/** One of the two servers of a comparison: runs operations on it and says what it answered. */
import {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../../component-base/etcd/messages.ts'
import { kv, lease } from '../../component-base/etcd/service.ts'
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  type WatchResponse,
} from '../../component-base/etcd/watch-messages.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { unary } from '../../component-base/grpc/method.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import type { AnyMessage, MessageType } from '../../component-base/protobuf/types.ts'
import { normalise } from './normalise.ts'
import {
  encodeExtra,
  leaseOf,
  type Operation,
  resolve,
  type StreamOperation,
  type UnaryOperation,
} from './operations.ts'
import { RecordedStream, rawMessage } from './watch-stream.ts'

interface Method {
  readonly path: string
  readonly request: AnyMessage
  readonly response: AnyMessage
}

const methods: Readonly<Record<UnaryOperation['op'], Method>> = {
  range: { path: kv.range.path, request: RangeRequest, response: RangeResponse },
  put: { path: kv.put.path, request: PutRequest, response: PutResponse },
  deleteRange: { path: kv.deleteRange.path, request: DeleteRangeRequest, response: DeleteRangeResponse },
  txn: { path: kv.txn.path, request: TxnRequest as AnyMessage, response: TxnResponse as AnyMessage },
  compact: { path: kv.compact.path, request: CompactionRequest, response: CompactionResponse },
  leaseGrant: { path: lease.grant.path, request: LeaseGrantRequest, response: LeaseGrantResponse },
  leaseRevoke: { path: lease.revoke.path, request: LeaseRevokeRequest, response: LeaseRevokeResponse },
  leaseTimeToLive: { path: lease.timeToLive.path, request: LeaseTimeToLiveRequest, response: LeaseTimeToLiveResponse },
  leaseLeases: { path: lease.leases.path, request: LeaseLeasesRequest, response: LeaseLeasesResponse },
}

/** How long the things that come by themselves are waited for; short while a difference is made smaller. */
export interface Patience {
  ms: number
}

/** How long an answer may take before it counts as none. */
const answerMs = 5000
const everything = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) }

const sentinel = Buffer.from('sentinel')
const sentinelWatch = 1_000_000n

/** Waits for what a stream brings; gives up after a while, and the comparison shows what is missing. */
const until = async (stream: RecordedStream, { ms }: Patience, holds: () => boolean): Promise<void> => {
  for (let waited = 0; !holds() && waited < ms; waited += 20) await stream.arrival(20)
}

/** Sends a request and waits for one more control response of a kind. */
const answered = async (
  stream: RecordedStream,
  patience: Patience,
  pick: (response: WatchResponse) => boolean,
  send: () => void,
): Promise<void> => {
  const before = stream.count(pick)
  send()
  await until(stream, patience, () => stream.count(pick) > before)
}

/** A request of literal numbers and bytes, encoded. */
export const encodeRequest = (op: UnaryOperation['op'], request: object): Buffer => {
  const encode = methods[op].request.encode as (value: object) => Buffer
  return encode(request)
}

export class Side {
  readonly name: string
  readonly #channel: GrpcChannel
  readonly #patience: Patience
  #base = 0
  #revision = 0
  #compacted = 0
  #granted: bigint[] = []
  readonly #streams = new Map<number, RecordedStream>()

  constructor(name: string, endpoint: string, patience: Patience) {
    this.name = name
    this.#patience = patience
    this.#channel = new GrpcChannel({ endpoints: [endpoint] })
  }

  /** Empties the store: no keys, no leases, no history, no watches. Revisions count from here. */
  async reset(): Promise<void> {
    for (const stream of this.#streams.values()) stream.close()
    this.#streams.clear()
    this.#granted = []
    const { leases } = await this.#channel.unary(lease.leases, {})
    for (const { ID } of leases) await this.#channel.unary(lease.revoke, { ID })
    await this.#channel.unary(kv.deleteRange, everything)
    const key = Buffer.from('reset')
    await this.#channel.unary(kv.put, { key })
    const { header } = await this.#channel.unary(kv.deleteRange, { key })
    const revision = header?.revision ?? 0
    await this.#channel.unary(kv.compact, { revision, physical: true })
    this.#base = this.#revision = this.#compacted = revision
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close()
    this.#channel.close()
  }

  /** Runs an operation; the answer is comparable. Errors of the server are answers too. */
  async run(operation: Operation): Promise<unknown> {
    try {
      if (operation.op === 'sync') return undefined
      if (operation.op === 'leaseKeepAlive') return await this.#keepAlive(leaseOf(operation.ID, this.#references))
      if ('stream' in operation) return await this.#watch(operation)
      return await this.#unary(operation)
    } catch (err) {
      if (err instanceof GrpcError) return { code: err.code, details: err.details }
      throw err
    }
  }

  /** Sends the bytes of a request as they are. */
  async runRaw(op: UnaryOperation['op'], bytes: Buffer): Promise<unknown> {
    try {
      return await this.#send(op, bytes)
    } catch (err) {
      if (err instanceof GrpcError) return { code: err.code, details: err.details }
      throw err
    }
  }

  get streams(): readonly RecordedStream[] {
    return [...this.#streams.values()]
  }

  /** Writes the sentinel and waits until every stream has it: then they have what was before it, too. */
  async flush(): Promise<void> {
    if (this.#streams.size === 0) return
    const { header } = await this.#channel.unary(kv.put, { key: sentinel })
    const revision = header?.revision ?? 0
    this.#revision = revision
    for (const stream of this.#streams.values()) {
      await until(stream, this.#patience, () => stream.newest(sentinelWatch) >= revision)
    }
  }

  /** What all watches got so far. */
  watched(): unknown {
    const naming = this.#naming
    return Object.fromEntries([...this.#streams].map(([id, stream]) => [`stream ${id}`, stream.normalised(naming)]))
  }

  get #references(): { revision: number; granted: readonly bigint[] } {
    return { revision: this.#revision, granted: this.#granted }
  }

  get #naming(): { base: number; granted: readonly bigint[] } {
    return { base: this.#base, granted: this.#granted }
  }

  async #unary({ op, request, extra }: UnaryOperation): Promise<unknown> {
    const resolved = resolve(request, this.#references)
    const answer = await this.#send(op, Buffer.concat([encodeRequest(op, resolved), encodeExtra(extra)]))
    if (op === 'compact') this.#compacted = (resolved as { revision: number }).revision
    return answer
  }

  async #send(op: UnaryOperation['op'], bytes: Buffer): Promise<unknown> {
    const { path, response } = methods[op]
    const answer = await this.#channel.unary(unary(path, rawMessage, response as MessageType<object, object>), bytes, {
      timeoutMs: answerMs,
    })
    const { header, ID } = answer as { header?: { revision: number }; ID?: bigint }
    this.#revision = Math.max(this.#revision, header?.revision ?? 0)
    if (op === 'leaseGrant' && ID !== undefined) this.#granted.push(ID)
    return normalise(answer, this.#naming)
  }

  async #keepAlive(ID: bigint): Promise<unknown> {
    const call = this.#channel.stream(lease.keepAlive, { timeoutMs: answerMs })
    call.write({ ID })
    call.end()
    const answers: unknown[] = []
    for await (const response of call.responses) answers.push(normalise(response, this.#naming))
    return answers
  }

  async #watch(operation: StreamOperation): Promise<unknown> {
    const stream = await this.#stream(operation.stream)
    switch (operation.op) {
      case 'watchCancel':
        if (!stream.isActive(BigInt(operation.watchId)))
          stream.cancel(BigInt(operation.watchId)) // never answered
        else
          await answered(
            stream,
            this.#patience,
            ({ canceled }) => canceled,
            () => stream.cancel(BigInt(operation.watchId)),
          )
        break
      case 'watchProgress':
        await answered(
          stream,
          this.#patience,
          ({ watchId, created }) => watchId === -1n && !created,
          () => stream.requestProgress(),
        )
        break
      case 'watchCreate': {
        const request = resolve(operation.request, this.#references)
        await answered(
          stream,
          this.#patience,
          ({ created }) => created,
          () => stream.create(request, encodeExtra(operation.extra), this.#compacted),
        )
      }
    }
    return undefined // what came is compared with the events
  }

  /** A stream by its number; a new one gets the watch of the sentinel. */
  async #stream(id: number): Promise<RecordedStream> {
    const known = this.#streams.get(id)
    if (known !== undefined) return known
    const stream = new RecordedStream(this.#channel)
    this.#streams.set(id, stream)
    const request = { key: sentinel, watchId: sentinelWatch }
    await answered(
      stream,
      this.#patience,
      ({ created }) => created,
      () => stream.create(request, Buffer.alloc(0), this.#compacted),
    )
    return stream
  }
}
