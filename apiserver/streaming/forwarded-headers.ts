/** Headers on their way through the API server. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { headerList } from '../../component-base/streams/upgrade.ts'
import type { ApiRequest } from '../server/message.ts'

/** Mean one connection only. RFC 9110, section 7.6.1. */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Say who the client is: for the API server alone. A backend could act as the client with them. */
const credentials = /^(authorization|x-remote-user|x-remote-group|x-remote-uid|x-remote-extra-.*|impersonate-.*)$/

/** Each header once, in the writing of its sender, with all its values. */
const collect = (rawHeaders: readonly string[], drop: (name: string) => boolean): OutgoingHttpHeaders => {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  const names = new Map<string, string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    const lower = name.toLowerCase()
    if (drop(lower)) continue
    const known = names.get(lower) ?? name
    names.set(lower, known)
    const earlier = headers[known]
    headers[known] = earlier === undefined ? value : [...[earlier].flat(), value]
  }
  return headers
}

const namedByConnection = (headers: IncomingHttpHeaders): Set<string> =>
  new Set(headerList(headers.connection).map((name) => name.toLowerCase()))

const forwardedFor = (request: ApiRequest): string =>
  [...headerList(request.headers['x-forwarded-for']), request.socket.remoteAddress ?? ''].join(', ')

/** Headers of an ordinary request for the backend. */
export const requestHeaders = (request: ApiRequest): OutgoingHttpHeaders => {
  const named = namedByConnection(request.headers)
  return {
    ...collect(
      request.rawHeaders,
      (name) => hopByHop.has(name) || named.has(name) || credentials.test(name) || name === 'x-forwarded-for',
    ),
    'X-Forwarded-For': forwardedFor(request),
  }
}

/** Headers of an upgrade request: those of the connection stay, as the backend is to be upgraded too. */
export const upgradeHeaders = (request: ApiRequest): OutgoingHttpHeaders => ({
  ...collect(request.rawHeaders, (name) => credentials.test(name) || name === 'x-forwarded-for'),
  'X-Forwarded-For': forwardedFor(request),
})

/** Headers of the backend's answer for the client. */
export const responseHeaders = (response: IncomingMessage): OutgoingHttpHeaders => {
  const named = namedByConnection(response.headers)
  return collect(response.rawHeaders, (name) => hopByHop.has(name) || named.has(name))
}
