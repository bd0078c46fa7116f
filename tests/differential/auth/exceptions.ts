/**
 * Where etcd 3.4.23 (Debian's, the one that is run) lets through what etcd-lite refuses, as the newest etcd 3.5 does.
 * All but the first were holes that etcd closed: see auth/caller.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AuthOperation } from './operations.ts'

interface Difference {
  readonly operation: AuthOperation
  readonly etcd: unknown
  readonly lite: unknown
}

export interface Exception {
  readonly name: string
  readonly matches: (difference: Difference) => boolean
}

const isRefused = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && 'code' in answer && 'details' in answer
const noUser = { code: 3, details: 'etcdserver: user name is empty' }
const badToken = { code: 16, details: 'etcdserver: invalid auth token' }
const denied = { code: 7, details: 'etcdserver: permission denied' }
const answers = (answer: unknown, ...wanted: readonly object[]): boolean =>
  wanted.some((one) => isDeepStrictEqual(answer, one))

/** Of what a watch begins with. */
const cancelReason = (answer: unknown): string => (answer as { cancelReason?: string }).cancelReason ?? ''

const anyUser: ReadonlySet<string> = new Set([
  'leaseGrant',
  'leaseRevoke',
  'leaseTimeToLive',
  'leaseLeases',
  'leaseKeepAlive',
  'memberList',
  'status',
  'alarm',
])
const keysOfLeases: ReadonlySet<string> = new Set(['leaseTimeToLive', 'leaseLeases', 'leaseKeepAlive'])

interface TxnLike {
  readonly success?: readonly OpLike[]
  readonly failure?: readonly OpLike[]
}
interface OpLike {
  readonly requestPut?: { readonly lease: number; readonly prevKv: boolean }
  readonly requestTxn?: TxnLike
}
const someOp = (txn: TxnLike, holds: (op: OpLike) => boolean): boolean =>
  [...(txn.success ?? []), ...(txn.failure ?? [])].some(holds)

export const exceptions: readonly Exception[] = [
  {
    name: 'a token is looked at while auth is off (3.5 does not)',
    matches: ({ etcd, lite }) =>
      (answers(etcd, badToken, { code: 2, details: 'auth: invalid auth token' }) ||
        cancelReason(etcd).endsWith(badToken.details)) &&
      !answers(lite, badToken) &&
      cancelReason(lite) === '',
  },
  {
    name: 'leases, members, status and alarms need no user',
    matches: ({ operation, etcd, lite }) =>
      anyUser.has(operation.op) && !answers(etcd, noUser, badToken) && answers(lite, noUser, badToken),
  },
  {
    name: 'keys of a lease are shown, and kept alive, without permission',
    matches: ({ operation, etcd, lite }) => keysOfLeases.has(operation.op) && !isRefused(etcd) && answers(lite, denied),
  },
  {
    name: 'compaction needs no root role',
    matches: ({ operation, etcd, lite }) =>
      operation.op === 'compact' &&
      !answers(etcd, denied, noUser) &&
      answers(lite, denied, noUser, { code: 9, details: 'etcdserver: user name not found' }),
  },
  {
    name: 'operations of a nested transaction need no permission',
    matches: ({ operation, etcd, lite }) =>
      operation.op === 'txn' &&
      !answers(etcd, denied, noUser) &&
      answers(lite, denied, noUser) &&
      someOp(operation.request, ({ requestTxn }) => requestTxn !== undefined),
  },
  {
    name: 'lease and previous value of a put in a transaction need no permission',
    matches: ({ operation, etcd, lite }) =>
      operation.op === 'txn' &&
      !answers(etcd, denied) &&
      answers(lite, denied) &&
      someOp(
        operation.request,
        ({ requestPut }) => requestPut !== undefined && (requestPut.prevKv || requestPut.lease !== 0),
      ),
  },
  {
    name: 'a watch to the end of all keys needs permission for its first key alone',
    matches: ({ operation, etcd, lite }) =>
      operation.op === 'watch' &&
      operation.request['rangeEnd'] === '\0' &&
      (etcd as { canceled?: boolean }).canceled === false &&
      cancelReason(lite).endsWith(denied.details),
  },
]

export const exceptionFor = (difference: Difference): Exception | undefined =>
  exceptions.find(({ matches }) => matches(difference))
