/** Who calls the kubelet, and what of the node's subresources the call touches. */
import type { TLSSocket } from 'node:tls'
import { commonNameOf, organizationsOf } from '../../component-base/tls/peer-names.ts'
import type { KubeletRequest } from './http.ts'

export interface KubeletUser {
  readonly name: string
  readonly groups: readonly string[]
}

/** `allow` says whether `user` may `verb` the node's `subresource` (`proxy`, `log`, `stats`, `metrics` …). */
export type AuthorizeKubelet = (user: KubeletUser, verb: string, subresource: string) => boolean | Promise<boolean>
/** Finds the user of a bearer token, by TokenReview. */
export type AuthenticateToken = (token: string) => Promise<KubeletUser | undefined>

/** The user of a client certificate that the cluster's CA signed: common name and organizations. */
const certificateUser = (socket: TLSSocket): KubeletUser | undefined => {
  if (!socket.authorized) return undefined
  const certificate = socket.getPeerCertificate()
  const name = commonNameOf(certificate)
  return name === '' ? undefined : { name, groups: [...organizationsOf(certificate), 'system:authenticated'] }
}

/** Undefined: nobody we know, to be answered with 401. */
export const authenticate = async (
  { request }: KubeletRequest,
  authenticateToken: AuthenticateToken | undefined,
): Promise<KubeletUser | undefined> => {
  const user = certificateUser(request.socket as TLSSocket)
  if (user !== undefined || authenticateToken === undefined) return user
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return token === undefined ? undefined : authenticateToken(token)
}

const verbs = new Map([
  ['GET', 'get'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
])

/** '' for a method that upstream does not know either: nobody is allowed that, but who is allowed all. */
export const verbOf = (method: string | undefined): string => verbs.get(method ?? '') ?? ''

/** Subresources of nodes, any of which opens the path. Upstream: pkg/kubelet/server/auth.go */
export const subresourcesOf = (firstSegment: string | undefined): readonly string[] => {
  switch (firstSegment) {
    case 'stats':
    case 'metrics':
    case 'checkpoint':
      return [firstSegment]
    case 'logs':
      return ['log']
    case 'pods':
    case 'runningpods':
      return ['pods', 'proxy']
    case 'healthz':
    case 'configz':
      return [firstSegment, 'proxy']
    case undefined:
    default:
      return ['proxy']
  }
}
