/** The HTTP paths of etcd's methods, as its .proto files bind them. All are POST with the request as the body. */

const service = (name: string, prefix: string, methods: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(methods).map(([path, method]) => [`${prefix}${path}`, `/${name}/${method}`])

const leaseMethods = { revoke: 'LeaseRevoke', timetolive: 'LeaseTimeToLive', leases: 'LeaseLeases' }

/** gRPC paths by HTTP path. */
export const gatewayRoutes: ReadonlyMap<string, string> = new Map([
  ...service('etcdserverpb.KV', '/v3/kv/', {
    range: 'Range',
    put: 'Put',
    deleterange: 'DeleteRange',
    txn: 'Txn',
    compaction: 'Compact',
  }),
  ...service('etcdserverpb.Watch', '/v3/', { watch: 'Watch' }),
  ...service('etcdserverpb.Lease', '/v3/lease/', { grant: 'LeaseGrant', keepalive: 'LeaseKeepAlive', ...leaseMethods }),
  ...service('etcdserverpb.Lease', '/v3/kv/lease/', leaseMethods),
  ...service('etcdserverpb.Cluster', '/v3/cluster/member/', {
    add: 'MemberAdd',
    remove: 'MemberRemove',
    update: 'MemberUpdate',
    list: 'MemberList',
    promote: 'MemberPromote',
  }),
  ...service('etcdserverpb.Maintenance', '/v3/maintenance/', {
    alarm: 'Alarm',
    status: 'Status',
    defragment: 'Defragment',
    hash: 'Hash',
    hashkv: 'HashKV',
    snapshot: 'Snapshot',
    'transfer-leadership': 'MoveLeader',
    downgrade: 'Downgrade',
  }),
  ...service('etcdserverpb.Auth', '/v3/auth/', {
    enable: 'AuthEnable',
    disable: 'AuthDisable',
    status: 'AuthStatus',
    authenticate: 'Authenticate',
    'user/add': 'UserAdd',
    'user/get': 'UserGet',
    'user/list': 'UserList',
    'user/delete': 'UserDelete',
    'user/changepw': 'UserChangePassword',
    'user/grant': 'UserGrantRole',
    'user/revoke': 'UserRevokeRole',
    'role/add': 'RoleAdd',
    'role/get': 'RoleGet',
    'role/list': 'RoleList',
    'role/delete': 'RoleDelete',
    'role/grant': 'RoleGrantPermission',
    'role/revoke': 'RoleRevokePermission',
  }),
  ...service('v3lockpb.Lock', '/v3/lock/', { lock: 'Lock', unlock: 'Unlock' }),
  ...service('v3electionpb.Election', '/v3/election/', {
    campaign: 'Campaign',
    proclaim: 'Proclaim',
    leader: 'Leader',
    observe: 'Observe',
    resign: 'Resign',
  }),
])
