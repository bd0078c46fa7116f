/** Who sends a request. Upstream: k8s.io/apiserver/pkg/authentication/user */
import { isDns1123Label, isDns1123Subdomain } from '../../api/meta/names.ts'

export interface UserInfo {
  readonly name: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

export const anonymousUser: UserInfo = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
}

/** Extra of a user: which credential it was. */
export const credentialIdKey = 'authentication.kubernetes.io/credential-id'

export const allAuthenticated = 'system:authenticated'
export const systemMasters = 'system:masters'

/** The API server itself, when it acts on its own behalf. */
export const loopbackUser: UserInfo = {
  name: 'system:apiserver',
  uid: '',
  groups: [systemMasters, allAuthenticated],
  extra: {},
}

export const serviceAccountPrefix = 'system:serviceaccount:'

/** `system:serviceaccount:ns:name` taken apart, or undefined for other users. */
export const parseServiceAccountUser = (name: string): { namespace: string; name: string } | undefined => {
  if (!name.startsWith(serviceAccountPrefix)) return undefined
  const [namespace, serviceAccount, ...rest] = name.slice(serviceAccountPrefix.length).split(':')
  if (namespace === undefined || serviceAccount === undefined || rest.length > 0) return undefined
  if (isDns1123Label(namespace).length > 0 || isDns1123Subdomain(serviceAccount).length > 0) return undefined
  return { namespace, name: serviceAccount }
}
