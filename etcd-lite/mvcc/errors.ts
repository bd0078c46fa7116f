/** etcd's errors: code and text are matched by clients. */
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'

const errors = {
  emptyKey: [grpcCode.invalidArgument, 'etcdserver: key is not provided'],
  keyNotFound: [grpcCode.invalidArgument, 'etcdserver: key not found'],
  valueProvided: [grpcCode.invalidArgument, 'etcdserver: value is provided'],
  leaseProvided: [grpcCode.invalidArgument, 'etcdserver: lease is provided'],
  tooManyOps: [grpcCode.invalidArgument, 'etcdserver: too many operations in txn request'],
  duplicateKey: [grpcCode.invalidArgument, 'etcdserver: duplicate key given in txn request'],
  invalidSortOption: [grpcCode.invalidArgument, 'etcdserver: invalid sort option'],
  requestTooLarge: [grpcCode.invalidArgument, 'etcdserver: request is too large'],
  compacted: [grpcCode.outOfRange, 'etcdserver: mvcc: required revision has been compacted'],
  futureRevision: [grpcCode.outOfRange, 'etcdserver: mvcc: required revision is a future revision'],
  noSpace: [grpcCode.resourceExhausted, 'etcdserver: mvcc: database space exceeded'],
  leaseNotFound: [grpcCode.notFound, 'etcdserver: requested lease not found'],
  leaseExists: [grpcCode.failedPrecondition, 'etcdserver: lease already exists'],
  leaseTtlTooLarge: [grpcCode.outOfRange, 'etcdserver: too large lease TTL'],
  memberNotFound: [grpcCode.notFound, 'etcdserver: member not found'],
  memberNotLearner: [grpcCode.failedPrecondition, 'etcdserver: can only promote a learner member'],
  memberBadUrls: [grpcCode.invalidArgument, 'etcdserver: given member URLs are invalid'],
  peerUrlExists: [grpcCode.failedPrecondition, 'etcdserver: Peer URLs already exists'],
  /** etcd sends this one without its code. */
  notEnoughStarted: [grpcCode.unknown, 'etcdserver: re-configuration failed due to not enough started members'],
  badLeaderTransferee: [grpcCode.failedPrecondition, 'etcdserver: bad leader transferee'],
  wrongDowngradeVersion: [grpcCode.invalidArgument, 'etcdserver: wrong downgrade target version format'],
  invalidDowngradeTarget: [grpcCode.invalidArgument, 'etcdserver: invalid downgrade target version'],
  noInflightDowngrade: [grpcCode.failedPrecondition, 'etcdserver: no inflight downgrade job'],
  unknownMethod: [grpcCode.unknown, 'etcdserver: unknown method'],
  corrupt: [grpcCode.dataLoss, 'etcdserver: corrupt cluster'],
  stopped: [grpcCode.unavailable, 'etcdserver: server stopped'],
  watchCanceled: [grpcCode.cancelled, 'etcdserver: watch canceled'],
  rootUserNotExist: [grpcCode.failedPrecondition, 'etcdserver: root user does not exist'],
  rootRoleNotExist: [grpcCode.failedPrecondition, 'etcdserver: root user does not have root role'],
  userAlreadyExist: [grpcCode.failedPrecondition, 'etcdserver: user name already exists'],
  userEmpty: [grpcCode.invalidArgument, 'etcdserver: user name is empty'],
  userNotFound: [grpcCode.failedPrecondition, 'etcdserver: user name not found'],
  roleAlreadyExist: [grpcCode.failedPrecondition, 'etcdserver: role name already exists'],
  roleNotFound: [grpcCode.failedPrecondition, 'etcdserver: role name not found'],
  roleEmpty: [grpcCode.invalidArgument, 'etcdserver: role name is empty'],
  authFailed: [grpcCode.invalidArgument, 'etcdserver: authentication failed, invalid user ID or password'],
  permissionNotGiven: [grpcCode.invalidArgument, 'etcdserver: permission not given'],
  permissionDenied: [grpcCode.permissionDenied, 'etcdserver: permission denied'],
  roleNotGranted: [grpcCode.failedPrecondition, 'etcdserver: role is not granted to the user'],
  permissionNotGranted: [grpcCode.failedPrecondition, 'etcdserver: permission is not granted to the role'],
  authNotEnabled: [grpcCode.failedPrecondition, 'etcdserver: authentication is not enabled'],
  invalidAuthToken: [grpcCode.unauthenticated, 'etcdserver: invalid auth token'],
  invalidAuthMgmt: [grpcCode.invalidArgument, 'etcdserver: invalid auth management'],
  authOldRevision: [grpcCode.invalidArgument, 'etcdserver: revision of auth store is old'],
  // What etcd has no code for reaches clients as Unknown, with the text of its inner error.
  noPasswordUser: [grpcCode.unknown, 'auth: authentication failed, password was given for no password user'],
  passwordTooLong: [grpcCode.unknown, 'bcrypt: password length exceeds 72 bytes'],
  verifyOnly: [grpcCode.unknown, 'auth: token signing attempted with verify-only key'],
} as const satisfies Record<string, readonly [number, string]>

export type EtcdErrorName = keyof typeof errors

export const etcdError = (name: EtcdErrorName, options?: ErrorOptions): GrpcError => {
  const [code, text] = errors[name]
  return new GrpcError(code, text, options)
}
