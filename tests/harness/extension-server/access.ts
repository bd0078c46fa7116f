/** Who asks, by the front proxy's headers, and what he may, by SubjectAccessReview. */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Reviews } from '../../../client/auth/delegated.ts'
import { parseRequestInfo } from '../../../apiserver/server/request-info.ts'

export interface User {
  readonly username: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

export interface Access {
  /** Undefined: whoever asks does not come through the front proxy. */
  readonly userOf: (request: IncomingMessage) => User | undefined
  readonly allows: (user: User, request: IncomingMessage) => Promise<boolean>
}

const listIn = (text: string | undefined): string[] => (text === undefined ? [] : (JSON.parse(text) as string[]))

export const createAccess = (facts: Readonly<Record<string, string>>, reviews: Reviews): Access => {
  const allowedNames = listIn(facts['requestheader-allowed-names'])
  const [userHeader = ''] = listIn(facts['requestheader-username-headers'])
  const [groupHeader = ''] = listIn(facts['requestheader-group-headers'])
  const [extraPrefix = ''] = listIn(facts['requestheader-extra-headers-prefix'])

  const userOf = (request: IncomingMessage): User | undefined => {
    const socket = request.socket as TLSSocket
    if (!socket.authorized) return undefined
    if (!allowedNames.includes(String(socket.getPeerCertificate().subject.CN))) return undefined
    const headers = request.headersDistinct
    const username = headers[userHeader.toLowerCase()]?.[0]
    if (username === undefined) return undefined
    const prefix = extraPrefix.toLowerCase()
    const extra = Object.entries(headers).flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[decodeURIComponent(name.slice(prefix.length)), values ?? []] as const] : [],
    )
    const groups = [...(headers[groupHeader.toLowerCase()] ?? []), 'system:authenticated']
    return { username, uid: headers['x-remote-uid']?.[0] ?? '', groups, extra: Object.fromEntries(extra) }
  }

  const allows = async (user: User, request: IncomingMessage): Promise<boolean> => {
    if (user.groups.includes('system:masters')) return true
    const url = new URL(request.url ?? '/', 'https://extension')
    const info = parseRequestInfo(request.method ?? 'GET', url.pathname, url.searchParams)
    const { verb, namespace, apiGroup: group, apiVersion: version, resource, subresource, name } = info
    return reviews.isAllowed({
      user: user.username,
      groups: user.groups,
      ...(info.isResourceRequest
        ? { resourceAttributes: { verb, namespace, group, version, resource, subresource, name } }
        : { nonResourceAttributes: { verb, path: info.path } }),
    })
  }
  return { userOf, allows }
}
