/**
 * Tokens of Secrets of type kubernetes.io/service-account-token: they have no end, and live as long as their Secret
 * holds them. Upstream: pkg/serviceaccount/legacy.go
 */
import type { Secret, ServiceAccount } from '../../../api/types.ts'
import type { Resources } from '../../registry/resources.ts'
import { objectKey } from '../../storage/keys.ts'
import type { TokenAuthenticator } from '../authenticator.ts'
import { serviceAccountPrefix } from '../user.ts'
import type { VerificationKey } from './keys.ts'
import { createTokenVerifier } from './tokens.ts'

const issuer = 'kubernetes/serviceaccount'
const prefix = 'kubernetes.io/serviceaccount/'

export const legacyServiceAccountTokens = (
  keys: readonly VerificationKey[],
  apiAudiences: readonly string[],
  resources: Resources,
): TokenAuthenticator => {
  const verify = createTokenVerifier([issuer], keys)
  const storeOf = (resource: string) => resources.get({ group: '', version: 'v1', resource }).store
  return async (token, audiences = apiAudiences) => {
    const claims = verify(token)
    // Such tokens name no audience: they are for the API alone.
    if (claims === undefined || !apiAudiences.some((audience) => audiences.includes(audience))) return undefined
    const claim = (name: string): string => String(claims[`${prefix}${name}`] ?? '')
    const namespace = claim('namespace')
    const name = claim('service-account.name')
    const uid = claim('service-account.uid')
    if (namespace === '' || name === '' || uid === '') return undefined
    const secret = (await storeOf('secrets').getCached(objectKey(namespace, claim('secret.name'))))?.object as
      | Secret
      | undefined
    if (secret === undefined || secret.metadata?.deletionTimestamp !== undefined) return undefined
    if (Buffer.from(secret.data?.token ?? '', 'base64').toString('utf8') !== token) return undefined
    const account = (await storeOf('serviceaccounts').getCached(objectKey(namespace, name)))?.object as
      | ServiceAccount
      | undefined
    if (account?.metadata?.uid !== uid || account.metadata.deletionTimestamp !== undefined) return undefined
    return {
      name: `${serviceAccountPrefix}${namespace}:${name}`,
      uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      extra: {},
    }
  }
}
