/**
 * Who asks an extension API server: whom the aggregator's headers name, if the request comes over its certificate.
 * The ConfigMap extension-apiserver-authentication says which that is.
 */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

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
