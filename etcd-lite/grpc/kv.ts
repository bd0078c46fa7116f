import { kv } from '../../component-base/etcd/service.ts'
import { type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import type { Access } from '../auth/access.ts'
import { quotaCost } from '../backend/quota.ts'
import { etcdError } from '../mvcc/errors.ts'
import { checkRange } from '../mvcc/range.ts'
import { encodeRangeResponse } from '../mvcc/range-response.ts'
import type { Answer, MvccStore, RangeResult } from '../mvcc/store.ts'
import { checkPut, checkTxn, isReadOnly } from '../mvcc/txn-check.ts'
import type { HeaderEncoder } from './identity.ts'
import type { WriteGuard } from './write-guard.ts'

export interface KvDeps {
  readonly store: MvccStore
  readonly access: Access
  readonly header: HeaderEncoder
  readonly maxTxnOps: number
  readonly maxRequestBytes: number
  readonly guard: WriteGuard
}

const checkSize = (requestBytes: number, maxRequestBytes: number): void => {
  if (requestBytes > maxRequestBytes) throw etcdError('requestTooLarge')
}

/**
 * The KV service. Of a write the token is checked first, then what any user's would be refused for, then permission;
 * nothing is awaited between that and the write, so no change of auth comes between them.
 */
export const kvService = (deps: KvDeps): Implementation[] => {
  const { store, access, header, maxTxnOps, maxRequestBytes, guard } = deps
  return [
    implementUnary(kv.range, (request, call) => {
      checkRange(request)
      access.reader(call)?.range(request)
      const answer = store.range(request)
      const encode = ({ revision, response }: Answer<RangeResult>): Buffer =>
        encodeRangeResponse({ header: header(revision), ...response })
      return answer instanceof Promise ? answer.then(encode) : encode(answer)
    }),
    implementUnary(kv.put, async (request, call) => {
      checkPut(request)
      const caller = access.writer(call)
      checkSize(call.requestBytes, maxRequestBytes)
      const { revision, response } = await guard.withSpace(quotaCost.put(request), () => {
        guard.checkCorrupt()
        caller?.put(request)
        return store.put(request)
      })
      return { ...response, header: header(revision) }
    }),
    implementUnary(kv.deleteRange, async (request, call) => {
      if (request.key.length === 0) throw etcdError('emptyKey')
      access.writer(call)?.deleteRange(request)
      guard.checkCorrupt()
      const { revision, response } = await store.deleteRange(request)
      return { ...response, header: header(revision) }
    }),
    implementUnary(kv.txn, async (request, call) => {
      checkTxn(request, maxTxnOps)
      const readOnly = isReadOnly(request)
      const caller = readOnly ? access.reader(call) : access.writer(call)
      checkSize(call.requestBytes, maxRequestBytes)
      const { revision, response } = await guard.withSpace(quotaCost.txn(request), () => {
        if (!readOnly) guard.checkCorrupt()
        caller?.txn(request)
        return store.txn(request)
      })
      return { ...response, header: header(revision) }
    }),
    implementUnary(kv.compact, async (request, call) => {
      access.writer(call)?.admin()
      guard.checkCorrupt()
      const revision = await store.compact(request.revision, request.physical)
      return { header: header(revision) }
    }),
  ]
}
