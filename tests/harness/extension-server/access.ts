/** Who asks, by the front proxy's headers, and what he may, by SubjectAccessReview. */
import type { IncomingMessage } from 'node:http'
import type { Reviews } from '../../../client/auth/delegated.ts'
import { readFrontProxy } from '../../../deploy/metrics-server/front-proxy.ts'
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

export const createAccess = (facts: Readonly<Record<string, string>>, reviews: Reviews): Access => {
  const frontProxy = readFrontProxy(facts)
  const userOf = (request: IncomingMessage): User | undefined => {
    const found = frontProxy.userOf(request)
    if (found === undefined) return undefined
    const { user: username, uid, groups, extra } = found
    return { username, uid, groups: [...groups, 'system:authenticated'], extra }
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
