import { kv } from '../../component-base/etcd/service.ts'
import { type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import { etcdError } from '../mvcc/errors.ts'
import { checkRange } from '../mvcc/range.ts'
import { encodeRangeResponse } from '../mvcc/range-response.ts'
import type { Answer, MvccStore, RangeResult } from '../mvcc/store.ts'
import { checkPut, checkTxn, hasPut } from '../mvcc/txn-check.ts'
import type { HeaderEncoder } from './identity.ts'

export interface KvDeps {
  readonly store: MvccStore
  readonly header: HeaderEncoder
  readonly maxTxnOps: number
  readonly maxRequestBytes: number
  /** Throws when the space quota forbids writes. */
  readonly checkSpace: () => void
}

const checkSize = (requestBytes: number, maxRequestBytes: number): void => {
  if (requestBytes > maxRequestBytes) throw etcdError('requestTooLarge')
}

/** The KV service. */
export const kvService = ({ store, header, maxTxnOps, maxRequestBytes, checkSpace }: KvDeps): Implementation[] => [
  implementUnary(kv.range, (request) => {
    checkRange(request)
    const answer = store.range(request)
    const encode = ({ revision, response }: Answer<RangeResult>): Buffer =>
      encodeRangeResponse({ header: header(revision), ...response })
    return answer instanceof Promise ? answer.then(encode) : encode(answer)
  }),
  implementUnary(kv.put, async (request, { requestBytes }) => {
    checkPut(request)
    checkSize(requestBytes, maxRequestBytes)
    checkSpace()
    const { revision, response } = await store.put(request)
    return { ...response, header: header(revision) }
  }),
  implementUnary(kv.deleteRange, async (request) => {
    if (request.key.length === 0) throw etcdError('emptyKey')
    const { revision, response } = await store.deleteRange(request)
    return { ...response, header: header(revision) }
  }),
  implementUnary(kv.txn, async (request, { requestBytes }) => {
    checkTxn(request, maxTxnOps)
    checkSize(requestBytes, maxRequestBytes)
    if (hasPut(request)) checkSpace()
    const { revision, response } = await store.txn(request)
    return { ...response, header: header(revision) }
  }),
  implementUnary(kv.compact, async (request) => {
    const revision = await store.compact(request.revision, request.physical)
    return { header: header(revision) }
  }),
]
