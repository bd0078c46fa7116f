/** The buckets of etcd's database and how their entries are encoded, as etcd 3.5 writes them. */
import { AlarmMember } from '../../component-base/etcd/maintenance-messages.ts'
import { message } from '../../component-base/protobuf/message.ts'
import { encodeRevisionKey } from '../mvcc/revision-key.ts'
import { etcdClusterVersion } from '../version.ts'
import type { BoltEntry } from './bolt/writer.ts'

export const bucketName = {
  alarm: 'alarm',
  auth: 'auth',
  authRoles: 'authRoles',
  authUsers: 'authUsers',
  cluster: 'cluster',
  key: 'key',
  lease: 'lease',
  members: 'members',
  membersRemoved: 'members_removed',
  meta: 'meta',
} as const

export const metaName = {
  confState: 'confState',
  consistentIndex: 'consistent_index',
  finishedCompact: 'finishedCompactRev',
  scheduledCompact: 'scheduledCompactRev',
  term: 'term',
} as const

/** leasepb.Lease */
export const LeaseRecord = message('leasepb.Lease', {
  ID: [1, 'int64big'],
  TTL: [2, 'int64'],
  remainingTTL: [3, 'int64'],
})

export const encodeLeaseEntry = (id: bigint, ttlSeconds: number): BoltEntry => {
  const key = Buffer.alloc(8)
  key.writeBigInt64BE(id)
  return [key, LeaseRecord.encode({ ID: id, TTL: ttlSeconds })]
}

/** An alarm is its own key, without a value. */
export const encodeAlarmEntry = (alarm: { readonly memberID: bigint; readonly alarm: number }): BoltEntry => [
  AlarmMember.encode(alarm),
  Buffer.alloc(0),
]

export interface MemberRecord {
  readonly id: bigint
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
}

/** A member: JSON, its id a number of 64 bits, which JSON.stringify would round. */
export const encodeMemberEntry = ({ id, name, peerUrls, clientUrls }: MemberRecord): BoltEntry => {
  const rest = JSON.stringify({ peerURLs: peerUrls, name, clientURLs: clientUrls })
  return [Buffer.from(id.toString(16)), Buffer.from(`{"id":${id},${rest.slice(1)}`)]
}

const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

export interface MetaRecord {
  readonly memberId: bigint
  readonly index: number
  readonly term: number
  /** 0: never compacted. */
  readonly scheduledCompact: number
  readonly finishedCompact: number
}

/** The entries of `meta`, in order. */
export const encodeMetaEntries = (meta: MetaRecord): BoltEntry[] => {
  const { memberId, index, term, scheduledCompact, finishedCompact } = meta
  const entry = (name: string, value: Buffer): BoltEntry => [Buffer.from(name), value]
  const compact = (name: string, revision: number): BoltEntry[] =>
    revision === 0 ? [] : [entry(name, encodeRevisionKey(revision, 0))]
  return [
    entry(metaName.confState, Buffer.from(`{"voters":[${memberId}],"auto_leave":false}`)),
    entry(metaName.consistentIndex, uint64(index)),
    ...compact(metaName.finishedCompact, finishedCompact),
    ...compact(metaName.scheduledCompact, scheduledCompact),
    entry(metaName.term, uint64(term)),
  ]
}

export const clusterEntries: readonly BoltEntry[] = [[Buffer.from('clusterVersion'), Buffer.from(etcdClusterVersion)]]
