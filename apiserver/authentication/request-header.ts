/** Users that an authenticating front proxy vouches for, by its own client certificate. Upstream: headerrequest. */
import type { RequestAuthenticator } from './authenticator.ts'
import { percentDecoded } from './percent-decoded.ts'
import { commonNameOf } from '../../component-base/tls/peer-names.ts'
import { type CertificateCheck, tlsSocketOf } from './x509.ts'

export interface RequestHeaderOptions {
  readonly check: CertificateCheck
  /** Common names the proxy may have; empty allows all that the CA signed. */
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraPrefixes: readonly string[]
}

type Headers = NodeJS.Dict<string[]>

const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase())

/** The first value of the first header that has one. */
const firstOf = (headers: Headers, names: readonly string[]): string =>
  names.map((name) => headers[name]?.[0] ?? '').find((value) => value !== '') ?? ''

const extraOf = (headers: Headers, prefixes: readonly string[]): Record<string, readonly string[]> => {
  const extra: Record<string, readonly string[]> = Object.create(null)
  for (const prefix of prefixes) {
    for (const name in headers) {
      if (!name.startsWith(prefix)) continue
      const key = percentDecoded(name.slice(prefix.length))
      extra[key] = [...(extra[key] ?? []), ...(headers[name] ?? [])]
    }
  }
  return extra
}

/** No proxy of ours passes these on, whatever is configured. */
const usualNames = new Set(['x-remote-user', 'x-remote-uid', 'x-remote-group', 'x-remote-extra-'])

/**
 * Further headers by which the front proxy names users: nobody behind this server may be sent them by a client.
 * Undefined where there are none but the usual.
 */
export const identityHeaders = ({
  usernameHeaders,
  uidHeaders,
  groupHeaders,
  extraPrefixes,
}: Omit<RequestHeaderOptions, 'check' | 'allowedNames'>): ((lowerCaseName: string) => boolean) | undefined => {
  const names = new Set(lower([...usernameHeaders, ...uidHeaders, ...groupHeaders]))
  const prefixes = lower(extraPrefixes)
  if ([...names, ...prefixes].every((name) => usualNames.has(name))) return undefined
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

export const requestHeader = (options: RequestHeaderOptions): RequestAuthenticator => {
  const userHeaders = lower(options.usernameHeaders)
  const uidHeaders = lower(options.uidHeaders)
  const groupHeaders = lower(options.groupHeaders)
  const prefixes = lower(options.extraPrefixes)
  return (request) => {
    const socket = tlsSocketOf(request)
    const certificate = socket === undefined ? undefined : options.check(socket)
    // A certificate of somebody else is bad for a proxy; another authenticator may still take it.
    if (certificate === undefined || certificate === 'invalid') return certificate
    if (options.allowedNames.length > 0 && !options.allowedNames.includes(commonNameOf(certificate))) return 'invalid'
    const headers = request.headersDistinct
    const name = firstOf(headers, userHeaders)
    if (name === '') return undefined
    return {
      name,
      uid: firstOf(headers, uidHeaders),
      groups: groupHeaders.flatMap((header) => (headers[header] ?? []).filter((group) => group !== '')),
      extra: extraOf(headers, prefixes),
    }
  }
}
