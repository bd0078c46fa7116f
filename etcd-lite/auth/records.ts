/**
 * How auth lies in the backend: the entries of etcd's own buckets, values as etcd encodes them, so that a snapshot
 * can carry them to a real etcd and back.
 */
import {
  type Role,
  Role as RoleMessage,
  type User,
  User as UserMessage,
} from '../../component-base/etcd/auth-messages.ts'
import type { Backend, BackendOp } from '../backend/backend.ts'
import { allAuthRecords, authKey, sealed, unsealed } from '../mvcc/records.ts'
import { AuthState } from './state.ts'

/** etcd's names of its buckets for auth, and the character that stands for each in record keys. */
const bucketLetters = { auth: 'm', authUsers: 'u', authRoles: 'r' } as const
export type AuthBucket = keyof typeof bucketLetters

export interface AuthRecord {
  readonly bucket: AuthBucket
  readonly key: Buffer
  readonly value: Buffer
}

const buckets = new Map<string, AuthBucket>([
  ['m', 'auth'],
  ['u', 'authUsers'],
  ['r', 'authRoles'],
])
const enabledKey = Buffer.from('authEnabled')
const revisionKey = Buffer.from('authRevision')
/** Bytes of a record's key before etcd's key: the kind of record and the bucket. */
const headBytes = 2
/** etcd begins here, not at 0, which means "no user given". */
const firstRevision = 1

const put = (bucket: AuthBucket, key: Uint8Array, value: Uint8Array): BackendOp => ({
  type: 'put',
  key: authKey(bucketLetters[bucket], key),
  value: sealed(value),
})
const remove = (bucket: AuthBucket, key: Uint8Array): BackendOp => ({
  type: 'del',
  key: authKey(bucketLetters[bucket], key),
})

export const putUser = (user: User): BackendOp => put('authUsers', user.name, UserMessage.encode(user))
export const deleteUser = (name: string): BackendOp => remove('authUsers', Buffer.from(name))
export const putRole = (role: Role): BackendOp => put('authRoles', role.name, RoleMessage.encode(role))
export const deleteRole = (name: string): BackendOp => remove('authRoles', Buffer.from(name))
export const putEnabled = (enabled: boolean): BackendOp => put('auth', enabledKey, Uint8Array.of(enabled ? 1 : 0))
export const putRevision = (revision: number): BackendOp => {
  const value = Buffer.alloc(8)
  value.writeBigUInt64BE(BigInt(revision))
  return put('auth', revisionKey, value)
}

/** Everything that auth has in the backend, as etcd's buckets would have it; all of one moment. */
export const readAuthRecords = async (backend: Pick<Backend, 'scan'>): Promise<AuthRecord[]> => {
  const records: AuthRecord[] = []
  for await (const chunk of backend.scan(allAuthRecords)) {
    for (const [key, record] of chunk) {
      const bucket = buckets.get(key.toString('latin1', headBytes - 1, headBytes))
      if (bucket !== undefined) records.push({ bucket, key: key.subarray(headBytes), value: unsealed(record) })
    }
  }
  return records
}

/** The operations that write such records into the backend of a store that is not open. */
export const authRecordOps = (records: readonly AuthRecord[]): BackendOp[] =>
  records.map(({ bucket, key, value }) => put(bucket, key, value))

/** The state that the records say. Throws when one of them is not what etcd writes. */
export const readAuthState = async (backend: Pick<Backend, 'scan'>): Promise<AuthState> => {
  const users = new Map<string, User>()
  const roles = new Map<string, Role>()
  let enabled = false
  let revision = firstRevision
  for (const { bucket, key, value } of await readAuthRecords(backend)) {
    if (bucket === 'authUsers') users.set(key.toString(), UserMessage.decode(value))
    else if (bucket === 'authRoles') roles.set(key.toString(), RoleMessage.decode(value))
    else if (key.equals(enabledKey)) enabled = value.equals(Uint8Array.of(1))
    else if (key.equals(revisionKey)) revision = Number(value.readBigUInt64BE())
  }
  return new AuthState({ enabled, revision, users, roles })
}
