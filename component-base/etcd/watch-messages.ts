/** etcd v3.5 messages of the Watch and Lease services. */
import { type InputOf, message, type OutputOf } from '../protobuf/message.ts'
import { Event, ResponseHeader } from './messages.ts'

export const watchFilter = { noPut: 0, noDelete: 1 } as const
export const WatchCreateRequest = message('etcdserverpb.WatchCreateRequest', {
  key: [1, 'bytes'],
  rangeEnd: [2, 'bytes'],
  startRevision: [3, 'int64'],
  progressNotify: [4, 'bool'],
  filters: [5, 'int32', 'repeated'],
  prevKv: [6, 'bool'],
  watchId: [7, 'int64big'],
  fragment: [8, 'bool'],
})
export type WatchCreateRequest = OutputOf<typeof WatchCreateRequest>
export type WatchCreateRequestInit = InputOf<typeof WatchCreateRequest>
export const WatchCancelRequest = message('etcdserverpb.WatchCancelRequest', { watchId: [1, 'int64big'] })
export const WatchProgressRequest = message('etcdserverpb.WatchProgressRequest', {})
/** A oneof: exactly one of the fields is set. */
export const WatchRequest = message(
  'etcdserverpb.WatchRequest',
  {
    createRequest: [1, WatchCreateRequest],
    cancelRequest: [2, WatchCancelRequest],
    progressRequest: [3, WatchProgressRequest],
  },
  ['createRequest', 'cancelRequest', 'progressRequest'],
)
export type WatchRequest = OutputOf<typeof WatchRequest>
export const WatchResponse = message('etcdserverpb.WatchResponse', {
  header: [1, ResponseHeader],
  watchId: [2, 'int64big'],
  created: [3, 'bool'],
  canceled: [4, 'bool'],
  compactRevision: [5, 'int64'],
  cancelReason: [6, 'string'],
  fragment: [7, 'bool'],
  events: [11, Event, 'repeated'],
})
export type WatchResponse = OutputOf<typeof WatchResponse>

export const LeaseGrantRequest = message('etcdserverpb.LeaseGrantRequest', { TTL: [1, 'int64'], ID: [2, 'int64big'] })
export const LeaseGrantResponse = message('etcdserverpb.LeaseGrantResponse', {
  header: [1, ResponseHeader],
  ID: [2, 'int64big'],
  TTL: [3, 'int64'],
  error: [4, 'string'],
})
export type LeaseGrantResponse = OutputOf<typeof LeaseGrantResponse>
export const LeaseRevokeRequest = message('etcdserverpb.LeaseRevokeRequest', { ID: [1, 'int64big'] })
export const LeaseRevokeResponse = message('etcdserverpb.LeaseRevokeResponse', { header: [1, ResponseHeader] })
export const LeaseKeepAliveRequest = message('etcdserverpb.LeaseKeepAliveRequest', { ID: [1, 'int64big'] })
export const LeaseKeepAliveResponse = message('etcdserverpb.LeaseKeepAliveResponse', {
  header: [1, ResponseHeader],
  ID: [2, 'int64big'],
  TTL: [3, 'int64'],
})
export type LeaseKeepAliveResponse = OutputOf<typeof LeaseKeepAliveResponse>
export const LeaseTimeToLiveRequest = message('etcdserverpb.LeaseTimeToLiveRequest', {
  ID: [1, 'int64big'],
  keys: [2, 'bool'],
})
export const LeaseTimeToLiveResponse = message('etcdserverpb.LeaseTimeToLiveResponse', {
  header: [1, ResponseHeader],
  ID: [2, 'int64big'],
  TTL: [3, 'int64'],
  grantedTTL: [4, 'int64'],
  keys: [5, 'bytes', 'repeated'],
})
export type LeaseTimeToLiveResponse = OutputOf<typeof LeaseTimeToLiveResponse>
export const LeaseLeasesRequest = message('etcdserverpb.LeaseLeasesRequest', {})
export const LeaseStatus = message('etcdserverpb.LeaseStatus', { ID: [1, 'int64big'] })
export const LeaseLeasesResponse = message('etcdserverpb.LeaseLeasesResponse', {
  header: [1, ResponseHeader],
  leases: [2, LeaseStatus, 'repeated'],
})
