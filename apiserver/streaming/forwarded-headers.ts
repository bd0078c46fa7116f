/** Headers on their way through the API server. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { headerList } from '../../component-base/streams/upgrade.ts'
import type { ApiRequest } from '../server/message.ts'

/** Mean one connection only. RFC 9110, section 7.6.1. */
const hopByHop = new Set([
  'connection',
  // Answered by our own server already.
  'expect',
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

type IsHidden = (lowerCaseName: string) => boolean

const hidden = new WeakMap<object, IsHidden>()

/** Keeps more headers of a request from every backend: those by which this server's own front proxies name users. */
export const hideHeaders = (request: ApiRequest, isHidden: IsHidden): void => void hidden.set(request, isHidden)

/** Of a client, which may pass for nobody else. */
const saysWho = (request: ApiRequest): IsHidden => {
  const isHidden = hidden.get(request)
  return (name) => credentials.test(name) || isHidden?.(name) === true
}

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

const mayHaveBody = new Set(['POST', 'PUT', 'PATCH'])

/** How the body is framed on the way on. Node would frame it by the method alone, and a GET's not at all. */
const framing = ({ method = '', headers, httpVersion, complete }: ApiRequest): OutgoingHttpHeaders => {
  if (headers['content-length'] !== undefined) return {}
  // HTTP/2 frames its bodies without a header, and says at once if there is none.
  const hasBody = httpVersion === '2.0' ? !complete : headers['transfer-encoding'] !== undefined
  if (hasBody) return { 'Transfer-Encoding': 'chunked' }
  return mayHaveBody.has(method) ? { 'Content-Length': '0' } : {}
}

/** Are written anew: HTTP/2 has another word for the host, and one cookie a header. */
const rewritten = new Set(['x-forwarded-for', 'host', 'cookie'])

/** Headers of an ordinary request for the backend. */
export const requestHeaders = (request: ApiRequest): OutgoingHttpHeaders => {
  const { headers } = request
  const named = namedByConnection(headers)
  const dropped = saysWho(request)
  return {
    ...collect(
      request.rawHeaders,
      (name) => hopByHop.has(name) || named.has(name) || dropped(name) || rewritten.has(name),
    ),
    ...framing(request),
    ...(headers.host === undefined ? {} : { Host: headers.host }),
    ...(headers.cookie === undefined ? {} : { Cookie: headers.cookie }),
    'X-Forwarded-For': forwardedFor(request),
    ...(headerList(headers.te).includes('trailers') ? { TE: 'trailers' } : {}),
  }
}

/** Headers of an upgrade request: those of the connection stay, as the backend is to be upgraded too. */
export const upgradeHeaders = (request: ApiRequest): OutgoingHttpHeaders => {
  const dropped = saysWho(request)
  return {
    ...collect(request.rawHeaders, (name) => dropped(name) || name === 'x-forwarded-for'),
    'X-Forwarded-For': forwardedFor(request),
  }
}

/** A backend must not open the API server's own origin to scripts of others. */
const crossOrigin = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
])

/** Headers of the backend's answer for the client. Trailers are announced, as they are passed on. */
export const responseHeaders = (response: IncomingMessage): OutgoingHttpHeaders => {
  const named = namedByConnection(response.headers)
  const { trailer } = response.headers
  return {
    ...collect(response.rawHeaders, (name) => hopByHop.has(name) || named.has(name) || crossOrigin.has(name)),
    ...(trailer === undefined ? {} : { Trailer: trailer }),
  }
}
