/** Service account tokens for Pods, from the TokenRequest API, renewed before they end. Upstream: pkg/kubelet/token. */
import type { TokenRequest } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
import { VolumeError } from './payload.ts'

export interface TokenRequestFor {
  readonly audience: string
  readonly expirationSeconds: number
}

export interface IssuedToken {
  readonly token: string
  /** RFC 3339. */
  readonly expirationTimestamp: string
}

export interface TokenSource {
  token(pod: BoundPod, request: TokenRequestFor): Promise<string>
  /** With the time of its end. */
  issue(pod: BoundPod, request: TokenRequestFor): Promise<IssuedToken>
  forgetPod(podUid: string): void
}

/** POSTs a TokenRequest to the service account's token subresource. */
export type RequestToken = (namespace: string, serviceAccount: string, body: TokenRequest) => Promise<TokenRequest>

interface CachedToken extends IssuedToken {
  readonly issuedAt: number
  readonly expiresAt: number
}

const dayMs = 24 * 3600_000

/** Upstream renews at 80 % of the lifetime, or after a day. */
const needsRenewal = ({ issuedAt, expiresAt }: CachedToken, now: number): boolean =>
  now > issuedAt + (expiresAt - issuedAt) * 0.8 || now > issuedAt + dayMs

export const createTokenSource = (requestToken: RequestToken, now: () => number): TokenSource => {
  const cache = new Map<string, CachedToken>()

  const issue: TokenSource['issue'] = async (pod, { audience, expirationSeconds }) => {
    const { namespace, name, uid } = pod.metadata
    const account = pod.spec.serviceAccountName ?? 'default'
    const key = JSON.stringify([uid, account, audience, expirationSeconds])
    const present = cache.get(key)
    if (present !== undefined && !needsRenewal(present, now())) return present
    try {
      const answer = await requestToken(namespace, account, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience === '' ? [] : [audience],
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      } as TokenRequest)
      const { token, expirationTimestamp } = answer.status ?? {}
      if (token === undefined || expirationTimestamp === undefined) throw new Error('the answer has no token')
      const expiration = String(expirationTimestamp)
      const issued = { token, expirationTimestamp: expiration, issuedAt: now(), expiresAt: Date.parse(expiration) }
      cache.set(key, issued)
      return issued
    } catch (error) {
      // The API server may be away for a while: an old token is good to its end.
      if (present !== undefined && present.expiresAt > now()) return present
      throw new VolumeError(`failed to fetch token: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  return {
    issue,
    token: async (pod, request) => (await issue(pod, request)).token,
    forgetPod: (podUid) => {
      for (const key of cache.keys()) if (key.startsWith(`["${podUid}"`)) cache.delete(key)
    },
  }
}

const standalone = (): Promise<never> =>
  Promise.reject(new VolumeError('failed to fetch token: the kubelet runs without an API server'))

export const noTokens: TokenSource = {
  token: standalone,
  issue: standalone,
  forgetPod: () => undefined,
}
