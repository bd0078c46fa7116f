/** etcd's messages of the Cluster and Maintenance services, as of 3.5. */
import { message, type OutputOf } from '../protobuf/message.ts'
import { ResponseHeader } from './messages.ts'

export const Member = message('etcdserverpb.Member', {
  ID: [1, 'uint64big'],
  name: [2, 'string'],
  peerURLs: [3, 'string', 'repeated'],
  clientURLs: [4, 'string', 'repeated'],
  isLearner: [5, 'bool'],
})
export const MemberListRequest = message('etcdserverpb.MemberListRequest', { linearizable: [1, 'bool'] })
export const MemberListResponse = message('etcdserverpb.MemberListResponse', {
  header: [1, ResponseHeader],
  members: [2, Member, 'repeated'],
})
export const MemberAddRequest = message('etcdserverpb.MemberAddRequest', {
  peerURLs: [1, 'string', 'repeated'],
  isLearner: [2, 'bool'],
})
export const MemberAddResponse = message('etcdserverpb.MemberAddResponse', {
  header: [1, ResponseHeader],
  member: [2, Member],
  members: [3, Member, 'repeated'],
})
export const MemberRemoveRequest = message('etcdserverpb.MemberRemoveRequest', { ID: [1, 'uint64big'] })
export const MemberRemoveResponse = message('etcdserverpb.MemberRemoveResponse', {
  header: [1, ResponseHeader],
  members: [2, Member, 'repeated'],
})
export const MemberUpdateRequest = message('etcdserverpb.MemberUpdateRequest', {
  ID: [1, 'uint64big'],
  peerURLs: [2, 'string', 'repeated'],
})
export const MemberUpdateResponse = message('etcdserverpb.MemberUpdateResponse', {
  header: [1, ResponseHeader],
  members: [2, Member, 'repeated'],
})
export const MemberPromoteRequest = message('etcdserverpb.MemberPromoteRequest', { ID: [1, 'uint64big'] })
export const MemberPromoteResponse = message('etcdserverpb.MemberPromoteResponse', {
  header: [1, ResponseHeader],
  members: [2, Member, 'repeated'],
})

export const MoveLeaderRequest = message('etcdserverpb.MoveLeaderRequest', { targetID: [1, 'uint64big'] })
export const MoveLeaderResponse = message('etcdserverpb.MoveLeaderResponse', { header: [1, ResponseHeader] })

export const downgradeAction = { validate: 0, enable: 1, cancel: 2 } as const
export const DowngradeRequest = message('etcdserverpb.DowngradeRequest', {
  action: [1, 'int32'],
  version: [2, 'string'],
})
export const DowngradeResponse = message('etcdserverpb.DowngradeResponse', {
  header: [1, ResponseHeader],
  version: [2, 'string'],
})

export const alarmType = { none: 0, noSpace: 1, corrupt: 2 } as const
export const alarmAction = { get: 0, activate: 1, deactivate: 2 } as const
export const AlarmRequest = message('etcdserverpb.AlarmRequest', {
  action: [1, 'int32'],
  memberID: [2, 'uint64big'],
  alarm: [3, 'int32'],
})
export const AlarmMember = message('etcdserverpb.AlarmMember', { memberID: [1, 'uint64big'], alarm: [2, 'int32'] })
export const AlarmResponse = message('etcdserverpb.AlarmResponse', {
  header: [1, ResponseHeader],
  alarms: [2, AlarmMember, 'repeated'],
})

export const StatusRequest = message('etcdserverpb.StatusRequest', {})
export const StatusResponse = message('etcdserverpb.StatusResponse', {
  header: [1, ResponseHeader],
  version: [2, 'string'],
  dbSize: [3, 'int64'],
  leader: [4, 'uint64big'],
  raftIndex: [5, 'uint64'],
  raftTerm: [6, 'uint64'],
  raftAppliedIndex: [7, 'uint64'],
  errors: [8, 'string', 'repeated'],
  dbSizeInUse: [9, 'int64'],
  isLearner: [10, 'bool'],
  /** Since 3.6, as the next. */
  storageVersion: [11, 'string'],
  dbSizeQuota: [12, 'int64'],
})
export type StatusResponse = OutputOf<typeof StatusResponse>

export const DefragmentRequest = message('etcdserverpb.DefragmentRequest', {})
export const DefragmentResponse = message('etcdserverpb.DefragmentResponse', { header: [1, ResponseHeader] })
export const HashRequest = message('etcdserverpb.HashRequest', {})
export const HashResponse = message('etcdserverpb.HashResponse', { header: [1, ResponseHeader], hash: [2, 'uint32'] })
export const HashKVRequest = message('etcdserverpb.HashKVRequest', { revision: [1, 'int64'] })
export const HashKVResponse = message('etcdserverpb.HashKVResponse', {
  header: [1, ResponseHeader],
  hash: [2, 'uint32'],
  compactRevision: [3, 'int64'],
})
export const SnapshotRequest = message('etcdserverpb.SnapshotRequest', {})
export const SnapshotResponse = message('etcdserverpb.SnapshotResponse', {
  header: [1, ResponseHeader],
  remainingBytes: [2, 'uint64'],
  blob: [3, 'bytes'],
})
