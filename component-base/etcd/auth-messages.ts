/** etcd v3.5 messages of the Auth service, and authpb: how users and roles are written into etcd's own database. */
import { message, type OutputOf } from '../protobuf/message.ts'
import { ResponseHeader } from './messages.ts'

export const UserAddOptions = message('authpb.UserAddOptions', { noPassword: [1, 'bool'] })
export const User = message('authpb.User', {
  name: [1, 'bytes'],
  password: [2, 'bytes'],
  roles: [3, 'string', 'repeated'],
  options: [4, UserAddOptions],
})
export type User = OutputOf<typeof User>

export const permissionType = { read: 0, write: 1, readWrite: 2 } as const
export const Permission = message('authpb.Permission', {
  permType: [1, 'int32'],
  key: [2, 'bytes'],
  rangeEnd: [3, 'bytes'],
})
export type Permission = OutputOf<typeof Permission>
export const Role = message('authpb.Role', { name: [1, 'bytes'], keyPermission: [2, Permission, 'repeated'] })
export type Role = OutputOf<typeof Role>

const empty = <const Name extends string>(name: Name) => message(`etcdserverpb.${name}`, {})
const headerOnly = <const Name extends string>(name: Name) =>
  message(`etcdserverpb.${name}`, { header: [1, ResponseHeader] })

export const AuthEnableRequest = empty('AuthEnableRequest')
export const AuthEnableResponse = headerOnly('AuthEnableResponse')
export const AuthDisableRequest = empty('AuthDisableRequest')
export const AuthDisableResponse = headerOnly('AuthDisableResponse')
export const AuthStatusRequest = empty('AuthStatusRequest')
export const AuthStatusResponse = message('etcdserverpb.AuthStatusResponse', {
  header: [1, ResponseHeader],
  enabled: [2, 'bool'],
  authRevision: [3, 'uint64'],
})
export const AuthenticateRequest = message('etcdserverpb.AuthenticateRequest', {
  name: [1, 'string'],
  password: [2, 'string'],
})
export const AuthenticateResponse = message('etcdserverpb.AuthenticateResponse', {
  header: [1, ResponseHeader],
  token: [2, 'string'],
})

export const AuthUserAddRequest = message('etcdserverpb.AuthUserAddRequest', {
  name: [1, 'string'],
  password: [2, 'string'],
  options: [3, UserAddOptions],
  hashedPassword: [4, 'string'],
})
export const AuthUserAddResponse = headerOnly('AuthUserAddResponse')
export const AuthUserGetRequest = message('etcdserverpb.AuthUserGetRequest', { name: [1, 'string'] })
export const AuthUserGetResponse = message('etcdserverpb.AuthUserGetResponse', {
  header: [1, ResponseHeader],
  roles: [2, 'string', 'repeated'],
})
export const AuthUserListRequest = empty('AuthUserListRequest')
export const AuthUserListResponse = message('etcdserverpb.AuthUserListResponse', {
  header: [1, ResponseHeader],
  users: [2, 'string', 'repeated'],
})
export const AuthUserDeleteRequest = message('etcdserverpb.AuthUserDeleteRequest', { name: [1, 'string'] })
export const AuthUserDeleteResponse = headerOnly('AuthUserDeleteResponse')
export const AuthUserChangePasswordRequest = message('etcdserverpb.AuthUserChangePasswordRequest', {
  name: [1, 'string'],
  password: [2, 'string'],
  hashedPassword: [3, 'string'],
})
export const AuthUserChangePasswordResponse = headerOnly('AuthUserChangePasswordResponse')
export const AuthUserGrantRoleRequest = message('etcdserverpb.AuthUserGrantRoleRequest', {
  user: [1, 'string'],
  role: [2, 'string'],
})
export const AuthUserGrantRoleResponse = headerOnly('AuthUserGrantRoleResponse')
export const AuthUserRevokeRoleRequest = message('etcdserverpb.AuthUserRevokeRoleRequest', {
  name: [1, 'string'],
  role: [2, 'string'],
})
export const AuthUserRevokeRoleResponse = headerOnly('AuthUserRevokeRoleResponse')

export const AuthRoleAddRequest = message('etcdserverpb.AuthRoleAddRequest', { name: [1, 'string'] })
export const AuthRoleAddResponse = headerOnly('AuthRoleAddResponse')
export const AuthRoleGetRequest = message('etcdserverpb.AuthRoleGetRequest', { role: [1, 'string'] })
export const AuthRoleGetResponse = message('etcdserverpb.AuthRoleGetResponse', {
  header: [1, ResponseHeader],
  perm: [2, Permission, 'repeated'],
})
export const AuthRoleListRequest = empty('AuthRoleListRequest')
export const AuthRoleListResponse = message('etcdserverpb.AuthRoleListResponse', {
  header: [1, ResponseHeader],
  roles: [2, 'string', 'repeated'],
})
export const AuthRoleDeleteRequest = message('etcdserverpb.AuthRoleDeleteRequest', { role: [1, 'string'] })
export const AuthRoleDeleteResponse = headerOnly('AuthRoleDeleteResponse')
export const AuthRoleGrantPermissionRequest = message('etcdserverpb.AuthRoleGrantPermissionRequest', {
  name: [1, 'string'],
  perm: [2, Permission],
})
export const AuthRoleGrantPermissionResponse = headerOnly('AuthRoleGrantPermissionResponse')
export const AuthRoleRevokePermissionRequest = message('etcdserverpb.AuthRoleRevokePermissionRequest', {
  role: [1, 'string'],
  key: [2, 'bytes'],
  rangeEnd: [3, 'bytes'],
})
export const AuthRoleRevokePermissionResponse = headerOnly('AuthRoleRevokePermissionResponse')
