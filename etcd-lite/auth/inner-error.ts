import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'

/** etcd's inner texts of the errors that a check of an admin can end with. */
const innerTexts: Readonly<Record<string, string>> = {
  'etcdserver: user name is empty': 'auth: user name is empty',
  'etcdserver: user name not found': 'auth: user not found',
  'etcdserver: permission denied': 'auth: permission denied',
  'etcdserver: invalid auth token': 'auth: invalid auth token',
}

/**
 * Runs a check as etcd's Maintenance service does, which hands errors on without their codes: clients get Unknown with
 * the inner text.
 */
export const asInnerError = (check: () => void): void => {
  try {
    check()
  } catch (err) {
    const text = err instanceof GrpcError ? innerTexts[err.details] : undefined
    throw text === undefined ? err : new GrpcError(grpcCode.unknown, text, { cause: err })
  }
}
