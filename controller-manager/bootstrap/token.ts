/** Bootstrap tokens: Secrets of their own type in kube-system. Upstream: cluster-bootstrap/token/util */
import { createHmac } from 'node:crypto'
import { secrets } from '../../api/resources.ts'
import type { Secret } from '../../api/types.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { ControllerContext } from '../context.ts'
import { nameOf, timeMs } from '../objects.ts'

export const tokenNamespace = 'kube-system'
const tokenType = 'bootstrap.kubernetes.io/token'

/** The cache of token Secrets, which both controllers share; no other Secret is in it. */
export const tokenSecrets = ({ informers }: ControllerContext): Informer<Secret> =>
  informers.for(secrets, { namespace: tokenNamespace, fieldSelector: `type=${tokenType}` })

const fieldOf = ({ data }: Secret, name: string): string => Buffer.from(data?.[name] ?? '', 'base64').toString()

/** When the token ends, in milliseconds; undefined: never. What cannot be read as a time has ended already. */
export const expiryMs = (secret: Secret): number | undefined => {
  const expiration = fieldOf(secret, 'expiration')
  return expiration === '' ? undefined : (timeMs(expiration) ?? Number.NEGATIVE_INFINITY)
}

export const isExpired = (secret: Secret, now: number): boolean => (expiryMs(secret) ?? Number.POSITIVE_INFINITY) <= now

/** Id and secret of a token that may sign; undefined if it is none, or names another than its Secret does. */
export const signingToken = (secret: Secret, now: number): { id: string; secret: string } | undefined => {
  const id = fieldOf(secret, 'token-id')
  const text = fieldOf(secret, 'token-secret')
  const wellFormed = /^[a-z0-9]{6}$/.test(id) && nameOf(secret) === `bootstrap-token-${id}` && text !== ''
  if (!wellFormed || isExpired(secret, now) || fieldOf(secret, 'usage-bootstrap-signing') !== 'true') return undefined
  return { id, secret: text }
}

/** A JSON Web Signature (HS256) with its content taken out: who knows the token can put that in again and check. */
export const detachedSignature = (content: string, { id, secret }: { id: string; secret: string }): string => {
  const encode = (text: string): string => Buffer.from(text).toString('base64url')
  const header = encode(JSON.stringify({ alg: 'HS256', kid: id }))
  const signature = createHmac('sha256', secret)
    .update(`${header}.${encode(content)}`)
    .digest('base64url')
  return `${header}..${signature}`
}
