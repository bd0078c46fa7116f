/** A client of etcd's v3 gRPC API: one connection, failover over endpoints. All methods throw GrpcError. */
import { type CallOptions, type ChannelTls, type ClientStreamCall, GrpcChannel } from '../grpc/client.ts'
import type { InputOf, OutputOf } from '../protobuf/message.ts'
import type { StatusResponse } from './maintenance-messages.ts'
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequestInit,
  DeleteRangeResponse,
  PutRequestInit,
  PutResponse,
  RangeRequestInit,
  RangeResponse,
  TxnRequestInit,
  TxnResponse,
} from './messages.ts'
import { kv, lease, maintenance, watch } from './service.ts'
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseTimeToLiveResponse,
  WatchCreateRequestInit,
  WatchRequest,
  WatchResponse,
} from './watch-messages.ts'

export interface EtcdClientOptions {
  /** `http://host:port` or `https://host:port`, as of `--etcd-servers`. */
  readonly endpoints: readonly string[]
  /** PEM texts; a function is asked again at every new connection. */
  readonly tls?: ChannelTls | (() => ChannelTls) | undefined
  readonly keepaliveMs?: number
}

/** A watch stream as the wire has it: several watches may share it, progress can be asked for. */
export type WatchStream = ClientStreamCall<InputOf<typeof WatchRequest>, WatchResponse>

export class EtcdClient implements Disposable {
  readonly #channel: GrpcChannel

  constructor(options: EtcdClientOptions) {
    this.#channel = new GrpcChannel({ ...options, userAgent: 'kubets-etcd-client' })
  }

  range(request: RangeRequestInit, options?: CallOptions): Promise<RangeResponse> {
    return this.#channel.unary(kv.range, request, options)
  }

  put(request: PutRequestInit, options?: CallOptions): Promise<PutResponse> {
    return this.#channel.unary(kv.put, request, options)
  }

  deleteRange(request: DeleteRangeRequestInit, options?: CallOptions): Promise<DeleteRangeResponse> {
    return this.#channel.unary(kv.deleteRange, request, options)
  }

  txn(request: TxnRequestInit, options?: CallOptions): Promise<TxnResponse> {
    return this.#channel.unary(kv.txn, request, options)
  }

  compact(
    request: InputOf<typeof CompactionRequest>,
    options?: CallOptions,
  ): Promise<OutputOf<typeof CompactionResponse>> {
    return this.#channel.unary(kv.compact, request, options)
  }

  /**
   * One watch on a stream of its own, until `signal` aborts (then the iteration ends) or the server cancels it.
   * The first response has `created`; one with `canceled` is the last, and its `compactRevision` is set when the
   * start lies before the compacted revision. Throws GrpcError when the connection is lost: resume from the revision
   * after the last one seen.
   */
  async *watch(
    create: WatchCreateRequestInit,
    signal: AbortSignal,
    options: Pick<CallOptions, 'metadata'> = {},
  ): AsyncGenerator<WatchResponse, void, void> {
    const call = this.openWatch(signal, options)
    call.write({ createRequest: create })
    try {
      for await (const response of call.responses) {
        yield response
        if (response.canceled) return
      }
    } catch (err) {
      if (!signal.aborted) throw err
    } finally {
      call.cancel()
    }
  }

  /** A bare watch stream, for several watches on one stream and for progress requests. */
  openWatch(signal: AbortSignal, options: Pick<CallOptions, 'metadata'> = {}): WatchStream {
    return this.#channel.stream(watch.watch, { ...options, signal })
  }

  leaseGrant(request: InputOf<typeof LeaseGrantRequest>, options?: CallOptions): Promise<LeaseGrantResponse> {
    return this.#channel.unary(lease.grant, request, options)
  }

  async leaseRevoke(id: bigint, options?: CallOptions): Promise<void> {
    await this.#channel.unary(lease.revoke, { ID: id }, options)
  }

  /** Renews a lease once. The answer's TTL is 0 when the lease does not exist any more. */
  async leaseKeepAlive(id: bigint, signal?: AbortSignal): Promise<LeaseKeepAliveResponse | undefined> {
    const call = this.#channel.stream(lease.keepAlive, { signal })
    call.write({ ID: id })
    call.end()
    try {
      for await (const response of call.responses) return response
      return undefined
    } finally {
      call.cancel()
    }
  }

  leaseTimeToLive(id: bigint, keys = false, options?: CallOptions): Promise<LeaseTimeToLiveResponse> {
    return this.#channel.unary(lease.timeToLive, { ID: id, keys }, options)
  }

  status(options?: CallOptions): Promise<StatusResponse> {
    return this.#channel.unary(maintenance.status, {}, options)
  }

  /** Makes the next calls to another member, if there are several; calls in progress end where they are. */
  useNextEndpoint(): void {
    this.#channel.useNextEndpoint()
  }

  close(): void {
    this.#channel.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
