/** etcd v3.5 messages (mvccpb, etcdserverpb): field numbers are etcd's. IDs are bigint: they use all 64 bits. */
import { type InputOf, lazy, type MessageType, message, type OutputOf } from '../protobuf/message.ts'

export const KeyValue = message('mvccpb.KeyValue', {
  key: [1, 'bytes'],
  createRevision: [2, 'int64'],
  modRevision: [3, 'int64'],
  version: [4, 'int64'],
  value: [5, 'bytes'],
  lease: [6, 'int64big'],
})
export type KeyValue = OutputOf<typeof KeyValue>

export const eventType = { put: 0, delete: 1 } as const
export const Event = message('mvccpb.Event', { type: [1, 'int32'], kv: [2, KeyValue], prevKv: [3, KeyValue] })
export type Event = OutputOf<typeof Event>

export const ResponseHeader = message('etcdserverpb.ResponseHeader', {
  clusterId: [1, 'uint64big'],
  memberId: [2, 'uint64big'],
  revision: [3, 'int64'],
  raftTerm: [4, 'uint64'],
})
export type ResponseHeader = OutputOf<typeof ResponseHeader>

export const sortOrder = { none: 0, ascend: 1, descend: 2 } as const
export const sortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const

export const RangeRequest = message('etcdserverpb.RangeRequest', {
  key: [1, 'bytes'],
  rangeEnd: [2, 'bytes'],
  limit: [3, 'int64'],
  revision: [4, 'int64'],
  sortOrder: [5, 'int32'],
  sortTarget: [6, 'int32'],
  serializable: [7, 'bool'],
  keysOnly: [8, 'bool'],
  countOnly: [9, 'bool'],
  minModRevision: [10, 'int64'],
  maxModRevision: [11, 'int64'],
  minCreateRevision: [12, 'int64'],
  maxCreateRevision: [13, 'int64'],
})
export type RangeRequest = OutputOf<typeof RangeRequest>
export type RangeRequestInit = InputOf<typeof RangeRequest>

export const RangeResponse = message('etcdserverpb.RangeResponse', {
  header: [1, ResponseHeader],
  kvs: [2, KeyValue, 'repeated'],
  more: [3, 'bool'],
  count: [4, 'int64'],
})
export type RangeResponse = OutputOf<typeof RangeResponse>

export const PutRequest = message('etcdserverpb.PutRequest', {
  key: [1, 'bytes'],
  value: [2, 'bytes'],
  lease: [3, 'int64big'],
  prevKv: [4, 'bool'],
  ignoreValue: [5, 'bool'],
  ignoreLease: [6, 'bool'],
})
export type PutRequest = OutputOf<typeof PutRequest>
export type PutRequestInit = InputOf<typeof PutRequest>
export const PutResponse = message('etcdserverpb.PutResponse', { header: [1, ResponseHeader], prevKv: [2, KeyValue] })
export type PutResponse = OutputOf<typeof PutResponse>

export const DeleteRangeRequest = message('etcdserverpb.DeleteRangeRequest', {
  key: [1, 'bytes'],
  rangeEnd: [2, 'bytes'],
  prevKv: [3, 'bool'],
})
export type DeleteRangeRequest = OutputOf<typeof DeleteRangeRequest>
export type DeleteRangeRequestInit = InputOf<typeof DeleteRangeRequest>
export const DeleteRangeResponse = message('etcdserverpb.DeleteRangeResponse', {
  header: [1, ResponseHeader],
  deleted: [2, 'int64'],
  prevKvs: [3, KeyValue, 'repeated'],
})
export type DeleteRangeResponse = OutputOf<typeof DeleteRangeResponse>

export const compareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const
export const compareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const
export const Compare = message(
  'etcdserverpb.Compare',
  {
    result: [1, 'int32'],
    target: [2, 'int32'],
    key: [3, 'bytes'],
    version: [4, 'int64', 'optional'],
    createRevision: [5, 'int64', 'optional'],
    modRevision: [6, 'int64', 'optional'],
    value: [7, 'bytes', 'optional'],
    lease: [8, 'int64big', 'optional'],
    rangeEnd: [64, 'bytes'],
  },
  ['version', 'createRevision', 'modRevision', 'value', 'lease'],
)
export type Compare = OutputOf<typeof Compare>

/** Transactions nest: these two types are written out because inference cannot follow a cycle. */
export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}
export interface TxnRequestInit {
  readonly compare?: readonly InputOf<typeof Compare>[] | undefined
  readonly success?: readonly RequestOpInit[] | undefined
  readonly failure?: readonly RequestOpInit[] | undefined
}
const nestedTxnRequest: MessageType<TxnRequest, TxnRequestInit> = lazy('etcdserverpb.TxnRequest', () => TxnRequest)
/** A oneof: exactly one of the fields is set. */
export const RequestOp = message(
  'etcdserverpb.RequestOp',
  {
    requestRange: [1, RangeRequest],
    requestPut: [2, PutRequest],
    requestDeleteRange: [3, DeleteRangeRequest],
    requestTxn: [4, nestedTxnRequest],
  },
  ['requestRange', 'requestPut', 'requestDeleteRange', 'requestTxn'],
)
export type RequestOp = OutputOf<typeof RequestOp>
export type RequestOpInit = InputOf<typeof RequestOp>
export const TxnRequest: MessageType<TxnRequest, TxnRequestInit> = message('etcdserverpb.TxnRequest', {
  compare: [1, Compare, 'repeated'],
  success: [2, RequestOp, 'repeated'],
  failure: [3, RequestOp, 'repeated'],
})

export interface TxnResponse {
  readonly header?: ResponseHeader | undefined
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}
export interface TxnResponseInit {
  readonly header?: InputOf<typeof ResponseHeader> | Uint8Array | undefined
  readonly succeeded?: boolean | undefined
  readonly responses?: readonly (ResponseOpInit | Uint8Array)[] | undefined
}
const nestedTxnResponse: MessageType<TxnResponse, TxnResponseInit> = lazy('etcdserverpb.TxnResponse', () => TxnResponse)
/** A oneof: exactly one of the fields is set. */
export const ResponseOp = message('etcdserverpb.ResponseOp', {
  responseRange: [1, RangeResponse],
  responsePut: [2, PutResponse],
  responseDeleteRange: [3, DeleteRangeResponse],
  responseTxn: [4, nestedTxnResponse],
})
export type ResponseOp = OutputOf<typeof ResponseOp>
export type ResponseOpInit = InputOf<typeof ResponseOp>
export const TxnResponse: MessageType<TxnResponse, TxnResponseInit> = message('etcdserverpb.TxnResponse', {
  header: [1, ResponseHeader],
  succeeded: [2, 'bool'],
  responses: [3, ResponseOp, 'repeated'],
})

export const CompactionRequest = message('etcdserverpb.CompactionRequest', {
  revision: [1, 'int64'],
  physical: [2, 'bool'],
})
export const CompactionResponse = message('etcdserverpb.CompactionResponse', { header: [1, ResponseHeader] })
