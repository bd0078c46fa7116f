/** Users that an authenticating front proxy vouches for, by its own client certificate. Upstream: headerrequest. */
import type { RequestAuthenticator } from './authenticator.ts'
import { type CertificateCheck, tlsSocketOf } from './x509.ts'

export interface RequestHeaderOptions {
  readonly check: CertificateCheck
  /** Common names the proxy may have; empty allows all that the CA signed. */
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraPrefixes: readonly string[]
}

export const requestHeader = (options: RequestHeaderOptions): RequestAuthenticator => {
  const userHeaders = options.usernameHeaders.map((name) => name.toLowerCase())
  const groupHeaders = options.groupHeaders.map((name) => name.toLowerCase())
  const prefixes = options.extraPrefixes.map((name) => name.toLowerCase())
  return (request) => {
    const name = userHeaders
      .map((header) => request.headers[header])
      .find((value) => typeof value === 'string' && value !== '')
    if (typeof name !== 'string') return undefined
    const socket = tlsSocketOf(request)
    const certificate = socket === undefined ? undefined : options.check(socket)
    if (certificate === undefined || certificate === 'invalid') return undefined
    const commonName = String(certificate.subject.CN ?? '')
    if (options.allowedNames.length > 0 && !options.allowedNames.includes(commonName)) return undefined
    const extra: Record<string, readonly string[]> = Object.create(null)
    for (const [header, values] of Object.entries(request.headersDistinct)) {
      const prefix = prefixes.find((candidate) => header.startsWith(candidate))
      if (prefix !== undefined) extra[decodeURIComponent(header.slice(prefix.length))] = values ?? []
    }
    return { name, uid: '', groups: groupHeaders.flatMap((header) => request.headersDistinct[header] ?? []), extra }
  }
}
