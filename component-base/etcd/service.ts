/** etcd's gRPC methods: path, kind and messages, for server and client alike. */
import { bidi, serverStream, unary } from '../grpc/method.ts'
import * as authMessages from './auth-messages.ts'
import * as maintenanceMessages from './maintenance-messages.ts'
import * as kvMessages from './messages.ts'
import * as watchMessages from './watch-messages.ts'

export const kv = {
  range: unary('/etcdserverpb.KV/Range', kvMessages.RangeRequest, kvMessages.RangeResponse),
  put: unary('/etcdserverpb.KV/Put', kvMessages.PutRequest, kvMessages.PutResponse),
  deleteRange: unary('/etcdserverpb.KV/DeleteRange', kvMessages.DeleteRangeRequest, kvMessages.DeleteRangeResponse),
  txn: unary('/etcdserverpb.KV/Txn', kvMessages.TxnRequest, kvMessages.TxnResponse),
  compact: unary('/etcdserverpb.KV/Compact', kvMessages.CompactionRequest, kvMessages.CompactionResponse),
} as const

export const watch = {
  watch: bidi('/etcdserverpb.Watch/Watch', watchMessages.WatchRequest, watchMessages.WatchResponse),
} as const

export const lease = {
  grant: unary('/etcdserverpb.Lease/LeaseGrant', watchMessages.LeaseGrantRequest, watchMessages.LeaseGrantResponse),
  revoke: unary('/etcdserverpb.Lease/LeaseRevoke', watchMessages.LeaseRevokeRequest, watchMessages.LeaseRevokeResponse),
  keepAlive: bidi(
    '/etcdserverpb.Lease/LeaseKeepAlive',
    watchMessages.LeaseKeepAliveRequest,
    watchMessages.LeaseKeepAliveResponse,
  ),
  timeToLive: unary(
    '/etcdserverpb.Lease/LeaseTimeToLive',
    watchMessages.LeaseTimeToLiveRequest,
    watchMessages.LeaseTimeToLiveResponse,
  ),
  leases: unary('/etcdserverpb.Lease/LeaseLeases', watchMessages.LeaseLeasesRequest, watchMessages.LeaseLeasesResponse),
} as const

export const cluster = {
  memberList: unary(
    '/etcdserverpb.Cluster/MemberList',
    maintenanceMessages.MemberListRequest,
    maintenanceMessages.MemberListResponse,
  ),
  memberAdd: unary(
    '/etcdserverpb.Cluster/MemberAdd',
    maintenanceMessages.MemberAddRequest,
    maintenanceMessages.MemberAddResponse,
  ),
  memberRemove: unary(
    '/etcdserverpb.Cluster/MemberRemove',
    maintenanceMessages.MemberRemoveRequest,
    maintenanceMessages.MemberRemoveResponse,
  ),
  memberUpdate: unary(
    '/etcdserverpb.Cluster/MemberUpdate',
    maintenanceMessages.MemberUpdateRequest,
    maintenanceMessages.MemberUpdateResponse,
  ),
  memberPromote: unary(
    '/etcdserverpb.Cluster/MemberPromote',
    maintenanceMessages.MemberPromoteRequest,
    maintenanceMessages.MemberPromoteResponse,
  ),
} as const

export const maintenance = {
  alarm: unary('/etcdserverpb.Maintenance/Alarm', maintenanceMessages.AlarmRequest, maintenanceMessages.AlarmResponse),
  status: unary(
    '/etcdserverpb.Maintenance/Status',
    maintenanceMessages.StatusRequest,
    maintenanceMessages.StatusResponse,
  ),
  defragment: unary(
    '/etcdserverpb.Maintenance/Defragment',
    maintenanceMessages.DefragmentRequest,
    maintenanceMessages.DefragmentResponse,
  ),
  hash: unary('/etcdserverpb.Maintenance/Hash', maintenanceMessages.HashRequest, maintenanceMessages.HashResponse),
  hashKv: unary(
    '/etcdserverpb.Maintenance/HashKV',
    maintenanceMessages.HashKVRequest,
    maintenanceMessages.HashKVResponse,
  ),
  snapshot: serverStream(
    '/etcdserverpb.Maintenance/Snapshot',
    maintenanceMessages.SnapshotRequest,
    maintenanceMessages.SnapshotResponse,
  ),
  moveLeader: unary(
    '/etcdserverpb.Maintenance/MoveLeader',
    maintenanceMessages.MoveLeaderRequest,
    maintenanceMessages.MoveLeaderResponse,
  ),
  downgrade: unary(
    '/etcdserverpb.Maintenance/Downgrade',
    maintenanceMessages.DowngradeRequest,
    maintenanceMessages.DowngradeResponse,
  ),
} as const

export const auth = {
  authEnable: unary('/etcdserverpb.Auth/AuthEnable', authMessages.AuthEnableRequest, authMessages.AuthEnableResponse),
  authDisable: unary(
    '/etcdserverpb.Auth/AuthDisable',
    authMessages.AuthDisableRequest,
    authMessages.AuthDisableResponse,
  ),
  authStatus: unary('/etcdserverpb.Auth/AuthStatus', authMessages.AuthStatusRequest, authMessages.AuthStatusResponse),
  authenticate: unary(
    '/etcdserverpb.Auth/Authenticate',
    authMessages.AuthenticateRequest,
    authMessages.AuthenticateResponse,
  ),
  userAdd: unary('/etcdserverpb.Auth/UserAdd', authMessages.AuthUserAddRequest, authMessages.AuthUserAddResponse),
  userGet: unary('/etcdserverpb.Auth/UserGet', authMessages.AuthUserGetRequest, authMessages.AuthUserGetResponse),
  userList: unary('/etcdserverpb.Auth/UserList', authMessages.AuthUserListRequest, authMessages.AuthUserListResponse),
  userDelete: unary(
    '/etcdserverpb.Auth/UserDelete',
    authMessages.AuthUserDeleteRequest,
    authMessages.AuthUserDeleteResponse,
  ),
  userChangePassword: unary(
    '/etcdserverpb.Auth/UserChangePassword',
    authMessages.AuthUserChangePasswordRequest,
    authMessages.AuthUserChangePasswordResponse,
  ),
  userGrantRole: unary(
    '/etcdserverpb.Auth/UserGrantRole',
    authMessages.AuthUserGrantRoleRequest,
    authMessages.AuthUserGrantRoleResponse,
  ),
  userRevokeRole: unary(
    '/etcdserverpb.Auth/UserRevokeRole',
    authMessages.AuthUserRevokeRoleRequest,
    authMessages.AuthUserRevokeRoleResponse,
  ),
  roleAdd: unary('/etcdserverpb.Auth/RoleAdd', authMessages.AuthRoleAddRequest, authMessages.AuthRoleAddResponse),
  roleGet: unary('/etcdserverpb.Auth/RoleGet', authMessages.AuthRoleGetRequest, authMessages.AuthRoleGetResponse),
  roleList: unary('/etcdserverpb.Auth/RoleList', authMessages.AuthRoleListRequest, authMessages.AuthRoleListResponse),
  roleDelete: unary(
    '/etcdserverpb.Auth/RoleDelete',
    authMessages.AuthRoleDeleteRequest,
    authMessages.AuthRoleDeleteResponse,
  ),
  roleGrantPermission: unary(
    '/etcdserverpb.Auth/RoleGrantPermission',
    authMessages.AuthRoleGrantPermissionRequest,
    authMessages.AuthRoleGrantPermissionResponse,
  ),
  roleRevokePermission: unary(
    '/etcdserverpb.Auth/RoleRevokePermission',
    authMessages.AuthRoleRevokePermissionRequest,
    authMessages.AuthRoleRevokePermissionResponse,
  ),
} as const
