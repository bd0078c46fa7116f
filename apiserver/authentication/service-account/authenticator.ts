/** Bearer tokens of service accounts: valid as long as the account and what they are bound to exist. */
import type { Clock } from '../../../component-base/clock.ts'
import type { KubeObject, Pod } from '../../../api/types.ts'
import type { Resources } from '../../registry/resources.ts'
import { objectKey } from '../../storage/keys.ts'
import type { TokenAuthenticator } from '../authenticator.ts'
import { serviceAccountPrefix, type UserInfo } from '../user.ts'
import { createTokenVerifier, isBoundClaims, type ServiceAccountClaims } from './tokens.ts'
import type { VerificationKey } from './keys.ts'

export interface ServiceAccountAuthenticatorOptions {
  readonly issuers: readonly string[]
  readonly keys: readonly VerificationKey[]
  readonly audiences: readonly string[]
  readonly resources: Resources
  readonly clock: Clock
}

/** A Pod's token outlives its deletion by so much, for what it does while it stops. */
const deletionLeewayMs = 60_000
/** Clocks differ. */
const notBeforeLeewaySeconds = 10

const prefix = 'authentication.kubernetes.io/'

export const userOf = (claims: ServiceAccountClaims): UserInfo => {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io']
  return {
    name: `${serviceAccountPrefix}${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra: {
      ...(claims.jti === undefined ? {} : { [`${prefix}credential-id`]: [`JTI=${claims.jti}`] }),
      ...(pod === undefined ? {} : { [`${prefix}pod-name`]: [pod.name], [`${prefix}pod-uid`]: [pod.uid] }),
      ...(node === undefined
        ? {}
        : { [`${prefix}node-name`]: [node.name], ...(node.uid === '' ? {} : { [`${prefix}node-uid`]: [node.uid] }) }),
    },
  }
}

export const serviceAccountTokens = (options: ServiceAccountAuthenticatorOptions): TokenAuthenticator => {
  const { resources, clock } = options
  const verify = createTokenVerifier(options.issuers, options.keys)
  const find = async (resource: string, namespace: string, name: string): Promise<KubeObject | undefined> => {
    const { store } = resources.get({ group: '', version: 'v1', resource })
    return (await store.getCached(objectKey(namespace, name)))?.object
  }
  const alive = (object: KubeObject | undefined, uid: string): boolean => {
    if (object === undefined || object.metadata?.uid !== uid) return false
    const deleted = object.metadata.deletionTimestamp
    return deleted === undefined || Date.parse(deleted) + deletionLeewayMs > clock.now()
  }
  const boundObjectsAlive = async ({ 'kubernetes.io': own }: ServiceAccountClaims): Promise<boolean> => {
    const { namespace, serviceaccount, pod, secret, node } = own
    if (!alive(await find('serviceaccounts', namespace, serviceaccount.name), serviceaccount.uid)) return false
    if (pod !== undefined) {
      const found = (await find('pods', namespace, pod.name)) as Pod | undefined
      return alive(found, pod.uid)
    }
    if (secret !== undefined) return alive(await find('secrets', namespace, secret.name), secret.uid)
    // Node references beside a Pod only tell where it runs; alone they bind the token.
    if (node !== undefined) return alive(await find('nodes', '', node.name), node.uid)
    return true
  }
  return async (token, audiences = options.audiences) => {
    const claims = verify(token)
    if (claims === undefined || !isBoundClaims(claims)) return undefined
    const now = clock.now() / 1000
    if (claims.exp <= now || (claims.nbf ?? 0) > now + notBeforeLeewaySeconds) return undefined
    if (!claims.aud.some((audience) => audiences.includes(audience))) return undefined
    if (!(await boundObjectsAlive(claims))) return undefined
    return userOf(claims)
  }
}
