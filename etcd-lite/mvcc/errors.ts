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
  corrupt: [grpcCode.dataLoss, 'etcdserver: corrupt cluster'],
  stopped: [grpcCode.unavailable, 'etcdserver: server stopped'],
  watchCanceled: [grpcCode.cancelled, 'etcdserver: watch canceled'],
} as const satisfies Record<string, readonly [number, string]>

export type EtcdErrorName = keyof typeof errors

export const etcdError = (name: EtcdErrorName, options?: ErrorOptions): GrpcError => {
  const [code, text] = errors[name]
  return new GrpcError(code, text, options)
}
