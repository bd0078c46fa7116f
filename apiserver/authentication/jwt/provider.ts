/** An issuer's discovery document and keys. Upstream: go-oidc's Provider and RemoteKeySet */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { Agent } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Issuer } from './configuration.ts'

const https = process.getBuiltinModule('node:https')

const timeoutMs = 30_000
const minRefreshMs = 1000
const maxDocumentBytes = 4 * 1024 * 1024

export interface IssuerKey {
  readonly id: string
  readonly key: KeyObject
}

export interface Provider {
  /** Fetches the discovery document; rejects while the issuer cannot be asked or is another one. */
  discover(): Promise<void>
  /** The keys as far as they are known. */
  readonly keys: readonly IssuerKey[]
  /** Fetches them anew, once for all who ask at one time; not again at once after that, whatever clients send. */
  refresh(): Promise<void>
  close(): void
}

/** Trusts the given authorities, or this machine's if there are none. */
export const createAgent = (certificateAuthority: string): Agent =>
  new https.Agent({ keepAlive: false, ...(certificateAuthority === '' ? {} : { ca: certificateAuthority }) })

/** The text at an address; rejects where the status is not 200. */
export const fetchDocument = (url: string, agent: Agent, headers: Record<string, string> = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = https.get(url, { agent, headers, signal: AbortSignal.timeout(timeoutMs) }, (answer) => {
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxDocumentBytes) answer.destroy(new Error(`${url} has more than ${maxDocumentBytes} bytes`))
      })
      text(answer).then((body) => {
        if (answer.statusCode === 200) resolve(body)
        else reject(new Error(`${answer.statusCode} ${answer.statusMessage ?? ''}: ${body.slice(0, 200)}`))
      }, reject)
    })
    request.once('error', reject)
  })

/** Keys of a kind that we cannot use, or for encryption, are passed over. */
const readKeys = (document: string): IssuerKey[] => {
  const { keys = [] } = JSON.parse(document) as { keys?: (JsonWebKey & { kid?: string; use?: string })[] }
  return keys.flatMap((jwk): IssuerKey[] => {
    if (jwk.use !== undefined && jwk.use !== 'sig') return []
    try {
      return [{ id: jwk.kid ?? '', key: createPublicKey({ key: jwk, format: 'jwk' }) }]
    } catch {
      return []
    }
  })
}

export const createProvider = ({ url, discoveryURL, certificateAuthority }: Issuer): Provider => {
  const agent = createAgent(certificateAuthority)
  const wellKnown = `${url.replace(/\/$/, '')}/.well-known/openid-configuration`
  let keysUrl = ''
  let keys: readonly IssuerKey[] = []
  let refreshing: Promise<void> | undefined
  let refreshedAt = Number.NEGATIVE_INFINITY
  const fetchKeys = async (): Promise<void> => {
    keys = readKeys(await fetchDocument(keysUrl, agent))
  }
  return {
    discover: async () => {
      const document = JSON.parse(await fetchDocument(discoveryURL === '' ? wellKnown : discoveryURL, agent)) as {
        issuer?: string
        jwks_uri?: string
      }
      if (document.issuer !== url) {
        throw new Error(
          `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(url)} got ${JSON.stringify(document.issuer ?? '')}`,
        )
      }
      if ((document.jwks_uri ?? '') === '') throw new Error('provider did not return JWKS URL')
      keysUrl = document.jwks_uri ?? ''
    },
    get keys() {
      return keys
    },
    refresh: async () => {
      if (refreshing === undefined && performance.now() - refreshedAt < minRefreshMs) return
      refreshing ??= fetchKeys().finally(() => {
        refreshing = undefined
        refreshedAt = performance.now()
      })
      await refreshing
    },
    close: () => agent.destroy(),
  }
}
