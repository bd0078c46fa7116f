/** From a call's credentials to its Caller: a token in its metadata, else the name in its client certificate. */
import type { CallContext } from '../../component-base/grpc/server.ts'
import { etcdError } from '../mvcc/errors.ts'
import { Caller, type LeaseKeys } from './caller.ts'
import type { AuthState } from './state.ts'
import type { AuthStore } from './store.ts'
import type { AuthInfo } from './token-provider.ts'

export type Credentials = Pick<CallContext, 'headers' | 'peerCommonName'>

export interface AccessOptions {
  readonly auth: AuthStore
  readonly leaseKeys: LeaseKeys
  /** --client-cert-auth: certificates name users. */
  readonly clientCertAuth: boolean
}

/** What the services ask. While auth is off both answer undefined, at the cost of one look at a boolean. */
export interface Access {
  /** The caller of a read. Throws when its token is no good. */
  reader(call: Credentials): Caller | undefined
  /** The caller of a write, judged by all changes of auth so far, those on their way to the disk included. */
  writer(call: Credentials): Caller | undefined
}

const bearer = 'Bearer '
/** Marks what the JSON gateway passes on: there the certificate is the gateway's, not the user's. */
const gatewayHeader = 'grpcgateway-accept'

const tokenOf = ({ headers }: Credentials): string | undefined => {
  const value = headers['token'] ?? headers.authorization
  const token = Array.isArray(value) ? value[0] : value
  return token?.startsWith(bearer) === true ? token.slice(bearer.length) : token
}

export const createAccess = ({ auth, leaseKeys, clientCertAuth }: AccessOptions): Access => {
  const identify = (call: Credentials, { revision }: AuthState): AuthInfo | undefined => {
    const token = tokenOf(call)
    if (token !== undefined) {
      const info = auth.tokens.info(token, revision)
      if (info === undefined) throw etcdError('invalidAuthToken')
      return info
    }
    if (!clientCertAuth || call.headers[gatewayHeader] !== undefined) return undefined
    const user = call.peerCommonName
    return user === undefined ? undefined : { user, revision }
  }
  const callerIn = (state: AuthState, call: Credentials): Caller | undefined =>
    state.enabled ? new Caller(state, identify(call, state), leaseKeys) : undefined
  return {
    reader: (call) => callerIn(auth.durable, call),
    writer: (call) => callerIn(auth.applied, call),
  }
}
