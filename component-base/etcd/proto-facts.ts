/** What etcd's .proto files (v3.5) say beyond the wire format: names that are not snake case, enums, oneofs. */
import type { EnumFacts, ProtoFacts } from '../protobuf/facts.ts'

const enumFacts = (name: string, ...values: readonly string[]): EnumFacts => ({
  name,
  values: Object.fromEntries(values.map((value, number) => [value, number])),
})

const alarm = enumFacts('etcdserverpb.AlarmType', 'NONE', 'NOSPACE', 'CORRUPT')

export const etcdProtoFacts: ProtoFacts = {
  'mvccpb.Event': { enums: { type: enumFacts('mvccpb.Event.EventType', 'PUT', 'DELETE') } },
  'etcdserverpb.RangeRequest': {
    enums: {
      sortOrder: enumFacts('etcdserverpb.RangeRequest.SortOrder', 'NONE', 'ASCEND', 'DESCEND'),
      sortTarget: enumFacts('etcdserverpb.RangeRequest.SortTarget', 'KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'),
    },
  },
  'etcdserverpb.Compare': {
    enums: {
      result: enumFacts('etcdserverpb.Compare.CompareResult', 'EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'),
      target: enumFacts('etcdserverpb.Compare.CompareTarget', 'VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'),
    },
    oneofs: { target_union: ['version', 'createRevision', 'modRevision', 'value', 'lease'] },
  },
  'etcdserverpb.RequestOp': {
    oneofs: { request: ['requestRange', 'requestPut', 'requestDeleteRange', 'requestTxn'] },
  },
  'etcdserverpb.ResponseOp': {
    oneofs: { response: ['responseRange', 'responsePut', 'responseDeleteRange', 'responseTxn'] },
  },
  'etcdserverpb.WatchCreateRequest': {
    enums: { filters: enumFacts('etcdserverpb.WatchCreateRequest.FilterType', 'NOPUT', 'NODELETE') },
  },
  'etcdserverpb.WatchRequest': {
    oneofs: { request_union: ['createRequest', 'cancelRequest', 'progressRequest'] },
  },
  'etcdserverpb.LeaseTimeToLiveResponse': { verbatim: ['grantedTTL'] },
  'etcdserverpb.Member': { verbatim: ['peerURLs', 'clientURLs', 'isLearner'] },
  'etcdserverpb.MemberAddRequest': { verbatim: ['peerURLs', 'isLearner'] },
  'etcdserverpb.MemberUpdateRequest': { verbatim: ['peerURLs'] },
  'etcdserverpb.MoveLeaderRequest': { verbatim: ['targetID'] },
  'etcdserverpb.AlarmRequest': {
    verbatim: ['memberID'],
    enums: { action: enumFacts('etcdserverpb.AlarmRequest.AlarmAction', 'GET', 'ACTIVATE', 'DEACTIVATE'), alarm },
  },
  'etcdserverpb.AlarmMember': { verbatim: ['memberID'], enums: { alarm } },
  'etcdserverpb.DowngradeRequest': {
    enums: { action: enumFacts('etcdserverpb.DowngradeRequest.DowngradeAction', 'VALIDATE', 'ENABLE', 'CANCEL') },
  },
  'etcdserverpb.StatusResponse': {
    verbatim: [
      'dbSize',
      'raftIndex',
      'raftTerm',
      'raftAppliedIndex',
      'dbSizeInUse',
      'isLearner',
      'storageVersion',
      'dbSizeQuota',
    ],
  },
  'etcdserverpb.AuthUserAddRequest': { verbatim: ['hashedPassword'] },
  'etcdserverpb.AuthUserChangePasswordRequest': { verbatim: ['hashedPassword'] },
  'etcdserverpb.AuthStatusResponse': { verbatim: ['authRevision'] },
  'authpb.Role': { verbatim: ['keyPermission'] },
  'authpb.Permission': {
    verbatim: ['permType'],
    enums: { permType: enumFacts('authpb.Permission.Type', 'READ', 'WRITE', 'READWRITE') },
  },
}

/** The names under which etcd registers its .proto files, by package. */
export const etcdFileNames = {
  authpb: 'auth.proto',
  mvccpb: 'kv.proto',
  etcdserverpb: 'rpc.proto',
  v3lockpb: 'v3lock.proto',
  v3electionpb: 'v3election.proto',
} as const
