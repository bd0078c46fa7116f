/** Bearer tokens of service accounts: valid as long as the account and what they are bound to exist. */
import type { Clock } from '../../../component-base/clock.ts'
import type { KubeObject } from '../../../api/types.ts'
import type { Resources } from '../../registry/resources.ts'
import { objectKey } from '../../storage/keys.ts'
import type { TokenAuthenticator } from '../authenticator.ts'
import { credentialIdKey, serviceAccountPrefix, type UserInfo } from '../user.ts'
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
      ...(claims.jti === undefined ? {} : { [credentialIdKey]: [`JTI=${claims.jti}`] }),
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
  const isGone = ({ metadata }: KubeObject): boolean =>
    metadata?.deletionTimestamp !== undefined &&
    Date.parse(metadata.deletionTimestamp) + deletionLeewayMs <= clock.now()
  /** Throws where the object is no more, or another one of its name. */
  const mustLive = (object: KubeObject | undefined, uid: string, kind: string): void => {
    if (object === undefined || isGone(object)) throw new Error('service account token has been invalidated')
    const found = object.metadata?.uid ?? ''
    if (found !== uid)
      throw new Error(`${kind} UID (${found}) does not match service account ${kind} ref claim (${uid})`)
  }
  const checkAccount = async ({ namespace, serviceaccount: { name, uid } }: OwnClaims): Promise<void> => {
    const account = await find('serviceaccounts', namespace, name)
    if (account === undefined) throw new Error(`serviceaccounts ${JSON.stringify(name)} not found`)
    if (isGone(account)) throw new Error(`service account ${namespace}/${name} has been deleted`)
    const found = account.metadata?.uid ?? ''
    if (found !== uid) throw new Error(`service account UID (${found}) does not match claim (${uid})`)
  }
  const checkBound = async ({ namespace, pod, secret, node }: OwnClaims): Promise<void> => {
    if (secret !== undefined) mustLive(await find('secrets', namespace, secret.name), secret.uid, 'secret')
    if (pod !== undefined) mustLive(await find('pods', namespace, pod.name), pod.uid, 'pod')
    // Beside a Pod a node only tells where it runs; alone it binds the token.
    else if (node !== undefined) mustLive(await find('nodes', '', node.name), node.uid, 'node')
  }
  return async (token, { audiences = options.audiences, notes } = {}) => {
    const claims = verify(token)
    if (claims === undefined || !isBoundClaims(claims)) return undefined
    const own = claims['kubernetes.io']
    if (!claims.aud.some((audience) => audiences.includes(audience))) {
      throw new Error(
        `token audiences ${quotedList(claims.aud)} is invalid for the target audiences ${quotedList(audiences)}`,
      )
    }
    const now = clock.now() / 1000
    if (claims.exp <= now) throw new Error('service account token has expired')
    if ((claims.nbf ?? 0) > now + notBeforeLeewaySeconds) throw new Error('service account token is not valid yet')
    await checkAccount(own)
    await checkBound(own)
    if (own.warnafter !== undefined && own.warnafter < now) {
      const seconds = Math.floor(now - own.warnafter)
      notes?.annotate(
        'authentication.k8s.io/stale-token',
        `subject: ${claims.sub}, seconds after warning threshold: ${seconds}`,
      )
    }
    return userOf(claims)
  }
}

type OwnClaims = ServiceAccountClaims['kubernetes.io']

/** As Go's %q prints a list. */
const quotedList = (texts: readonly string[]): string => `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`
