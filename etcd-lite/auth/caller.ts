/**
 * Who calls, and what they may do: etcd's rules, each as a method that throws etcd's error.
 *
 * The rules are those of the newest etcd 3.5. Its first releases let through what later ones refuse, and no client
 * depends on that: nested operations of a transaction, and a put's lease and previous value in one, were not looked
 * at; a watch to the end of all keys needed permission for its first key alone; compaction, lists of members, status
 * and leases needed no user.
 * Upstream: server/etcdserver/apply_auth.go, v3_server.go, api/v3rpc.
 */
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../component-base/etcd/messages.ts'
import { etcdError } from '../mvcc/errors.ts'
import { type Interval, intervalOf } from './range-permissions.ts'
import { type AuthState, hasRootRole } from './state.ts'
import type { AuthInfo } from './token-provider.ts'

/** The keys that are attached to a lease; none if it does not exist. */
export type LeaseKeys = (id: bigint) => Iterable<string>

type Ranged = Pick<RangeRequest | Compare, 'key' | 'rangeEnd'>

const noEnd = Buffer.alloc(0)
const keyInterval = (key: string): Interval => ({ start: key, end: `${key}\0` })

export class Caller {
  readonly #state: AuthState
  readonly #info: AuthInfo | undefined
  readonly #leaseKeys: LeaseKeys

  /** `info` is undefined for a call without any credentials. */
  constructor(state: AuthState, info: AuthInfo | undefined, leaseKeys: LeaseKeys) {
    this.#state = state
    this.#info = info
    this.#leaseKeys = leaseKeys
  }

  range({ key, rangeEnd }: Ranged): void {
    this.#permit('read', intervalOf(key, rangeEnd))
  }

  put({ key, lease, prevKv }: PutRequest): void {
    const interval = intervalOf(key, noEnd)
    this.#permit('write', interval)
    // Whoever may not write a key of the lease could not revoke it; then they must not tie their own key to it.
    this.#writeLeaseKeys(lease)
    if (prevKv) this.#permit('read', interval)
  }

  deleteRange({ key, rangeEnd, prevKv }: DeleteRangeRequest): void {
    const interval = intervalOf(key, rangeEnd)
    this.#permit('write', interval)
    if (prevKv) this.#permit('read', interval)
  }

  /** Both branches are judged, whichever will run, and all that is nested in them. */
  txn({ compare, success, failure }: TxnRequest): void {
    for (const condition of compare) this.range(condition)
    for (const op of success) this.#op(op)
    for (const op of failure) this.#op(op)
  }

  /** Revoking a lease deletes its keys. */
  leaseRevoke(id: bigint): void {
    this.authenticated()
    this.#writeLeaseKeys(id)
  }

  leaseKeepAlive(id: bigint): void {
    this.authenticated()
    this.#writeLeaseKeys(id)
  }

  /** What is left of a lease is for every user to know, its keys only for who may read them. */
  leaseTimeToLive(id: bigint, keys: boolean): void {
    this.authenticated()
    if (keys) this.#readLeaseKeys([id])
  }

  leases(ids: Iterable<bigint>): void {
    this.authenticated()
    this.#readLeaseKeys(ids)
  }

  /** Throws unless the call is some user's. */
  authenticated(): void {
    if (this.#info === undefined) throw etcdError('userEmpty')
  }

  /** Throws unless the caller has the root role. */
  admin(): void {
    const name = this.#info?.user ?? ''
    if (name === '') throw etcdError('userEmpty')
    const user = this.#state.users.get(name)
    if (user === undefined) throw etcdError('userNotFound')
    if (!hasRootRole(user)) throw etcdError('permissionDenied')
  }

  /** A user may be read by an admin and by themselves. */
  userGet(name: string): void {
    if (!this.#isAdmin() && name !== (this.#info?.user ?? '')) this.admin()
  }

  /** A role may be read by an admin and by the users who have it. */
  roleGet(role: string): void {
    const user = this.#state.users.get(this.#info?.user ?? '')
    if (user?.roles.includes(role) !== true) this.admin()
  }

  #op({ requestRange, requestPut, requestDeleteRange, requestTxn }: RequestOp): void {
    if (requestRange !== undefined) this.range(requestRange)
    else if (requestPut !== undefined) this.put(requestPut)
    else if (requestDeleteRange !== undefined) this.deleteRange(requestDeleteRange)
    else if (requestTxn !== undefined) this.txn(requestTxn)
  }

  #isAdmin(): boolean {
    const user = this.#state.users.get(this.#info?.user ?? '')
    return user !== undefined && hasRootRole(user)
  }

  #writeLeaseKeys(id: bigint): void {
    if (this.#isAdmin()) return
    for (const key of this.#leaseKeys(id)) this.#permit('write', keyInterval(key))
  }

  #readLeaseKeys(ids: Iterable<bigint>): void {
    if (this.#isAdmin()) return
    for (const id of ids) for (const key of this.#leaseKeys(id)) this.#permit('read', keyInterval(key))
  }

  #permit(access: 'read' | 'write', interval: Interval): void {
    if (this.#info === undefined) throw etcdError('userEmpty')
    if (this.#info.revision < this.#state.revision) throw etcdError('authOldRevision')
    const user = this.#state.users.get(this.#info.user)
    if (user === undefined) throw etcdError('permissionDenied')
    if (hasRootRole(user)) return
    if (!this.#state.permissionsOf(user).permits(access, interval)) throw etcdError('permissionDenied')
  }
}
