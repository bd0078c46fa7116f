/**
 * Who asks an extension API server: whom the aggregator's headers name, if the request comes over its certificate.
 * The ConfigMap extension-apiserver-authentication says which that is.
 */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { configMaps } from '../../api/resources.ts'
import { createInformer } from '../../client/cache/informer.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'

export interface FrontProxyUser {
  readonly user: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

export interface FrontProxy {
  /** PEM. */
  readonly ca: string
  /** undefined: the request does not come through the aggregator. */
  readonly userOf: (request: IncomingMessage) => FrontProxyUser | undefined
}

const listIn = (text: string | undefined): string[] => (text === undefined ? [] : (JSON.parse(text) as string[]))

/** `facts` is the data of the ConfigMap. Throws where it says nothing of a front proxy. */
export const readFrontProxy = (facts: Readonly<Record<string, string>>): FrontProxy => {
  const ca = facts['requestheader-client-ca-file']
  if (ca === undefined) throw new Error('extension-apiserver-authentication names no front proxy')
  const allowedNames = listIn(facts['requestheader-allowed-names'])
  const valuesOf = (headers: IncomingMessage['headersDistinct'], setting: string): string[] =>
    listIn(facts[setting]).flatMap((name) => headers[name.toLowerCase()] ?? [])
  const prefixes = listIn(facts['requestheader-extra-headers-prefix']).map((prefix) => prefix.toLowerCase())
  return {
    ca,
    userOf: (request) => {
      const socket = request.socket as TLSSocket
      if (!socket.authorized) return undefined
      const name = String(socket.getPeerCertificate().subject.CN)
      if (allowedNames.length > 0 && !allowedNames.includes(name)) return undefined
      const headers = request.headersDistinct
      const [user] = valuesOf(headers, 'requestheader-username-headers')
      if (user === undefined) return undefined
      // The aggregator sends it whether or not its API server takes one from others.
      const [uid = ''] = [...valuesOf(headers, 'requestheader-uid-headers'), ...(headers['x-remote-uid'] ?? [])]
      const extra = Object.entries(headers).flatMap(([header, values]) => {
        const prefix = prefixes.find((candidate) => header.startsWith(candidate))
        return prefix === undefined ? [] : [[decodeURIComponent(header.slice(prefix.length)), values ?? []] as const]
      })
      return { user, uid, groups: valuesOf(headers, 'requestheader-group-headers'), extra: Object.fromEntries(extra) }
    },
  }
}

/** What the ConfigMap says now: its authorities change when they are rotated. */
export interface FollowedFrontProxy {
  readonly current: () => FrontProxy
  /** Calls `look` whenever it says something else. */
  readonly onChange: (look: () => void) => void
}

/** Resolves when the API server has said who the front proxy is; rejects with the signal's reason. */
export const followFrontProxy = async (
  client: RestClient,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<FollowedFrontProxy> => {
  const looks: (() => void)[] = []
  const found = Promise.withResolvers<void>()
  let current: FrontProxy | undefined
  const selector = { namespace: 'kube-system', fieldSelector: 'metadata.name=extension-apiserver-authentication' }
  const informer = createInformer(client, configMaps, { ...selector, log })
  const read = ({ data = {} }: { readonly data?: Readonly<Record<string, string>> }): void => {
    try {
      current = readFrontProxy(data)
      found.resolve()
      for (const look of looks) look()
    } catch (err) {
      log.warn({ err }, 'what the front proxy is cannot be read: it stays as it was')
    }
  }
  informer.addHandler({ onAdd: read, onUpdate: (_old, object) => read(object) })
  signal.addEventListener('abort', () => found.reject(signal.reason), { once: true })
  informer.start(signal).catch((err: unknown) => {
    if (!signal.aborted) log.error({ err }, 'the front proxy is no longer followed')
  })
  await found.promise
  return {
    current: () => {
      if (current === undefined) throw new Error('the front proxy is not known yet')
      return current
    },
    onChange: (look) => void looks.push(look),
  }
}
