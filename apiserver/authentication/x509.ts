/** Client certificates: CN is the user, O the groups. Upstream: authentication/request/x509 */
import { createHash, X509Certificate } from 'node:crypto'
import { type DetailedPeerCertificate, type PeerCertificate, TLSSocket } from 'node:tls'
import type { Clock } from '../../component-base/clock.ts'
import { commonNameOf, organizationsOf } from '../../component-base/tls/peer-names.ts'
import type { ApiRequest } from '../server/message.ts'
import type { RequestAuthenticator } from './authenticator.ts'
import { uidOfCertificate } from './certificate-uid.ts'
import { credentialIdKey, type UserInfo } from './user.ts'

/** The peer's certificate; `invalid` if it has one that does not count, undefined if it has none. */
export type CertificateCheck = (socket: TLSSocket) => PeerCertificate | 'invalid' | undefined

/** The certificates of a PEM bundle. */
export const parseBundle = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map(
    (text) => new X509Certificate(text),
  )

const issued = (authority: X509Certificate, certificate: X509Certificate): boolean =>
  authority.raw.equals(certificate.raw) ||
  (certificate.checkIssued(authority) && certificate.verify(authority.publicKey))

/** A chain longer than this is none that anybody makes. */
const maxChainLength = 10

/** Whether the chain, which the handshake has verified, leads to one of `authorities`. */
const leadsTo = (peer: DetailedPeerCertificate, authorities: readonly X509Certificate[]): boolean => {
  let link = peer
  for (let length = 0; length < maxChainLength; length++) {
    const certificate = new X509Certificate(link.raw)
    if (authorities.some((authority) => issued(authority, certificate))) return true
    const { issuerCertificate } = link
    if (issuerCertificate === undefined || issuerCertificate === link) return false
    link = issuerCertificate
  }
  return false
}

interface Checked {
  /** Whom it was checked against: other authorities, another check. */
  readonly by: readonly X509Certificate[]
  readonly result: PeerCertificate | 'invalid' | undefined
  readonly notAfterMs: number
}

/**
 * Checks each connection's certificate once, and its end at every request. The handshake knows the client CA and the
 * front-proxy CA together, so who issued it is checked again.
 */
export const createCertificateCheck = (
  authorities: () => readonly X509Certificate[],
  clock: Clock,
): CertificateCheck => {
  const known = new WeakMap<TLSSocket, Checked>()
  const check = (socket: TLSSocket, by: readonly X509Certificate[]): Checked => {
    const peer = socket.getPeerCertificate(true)
    if (peer.raw === undefined) return { by, result: undefined, notAfterMs: Number.POSITIVE_INFINITY }
    const counts = socket.authorized && leadsTo(peer, by)
    return { by, result: counts ? peer : 'invalid', notAfterMs: Date.parse(peer.valid_to) }
  }
  return (socket) => {
    const by = authorities()
    let checked = known.get(socket)
    if (checked === undefined || checked.by !== by) {
      checked = check(socket, by)
      known.set(socket, checked)
    }
    return checked.notAfterMs < clock.now() ? 'invalid' : checked.result
  }
}

/** undefined for a certificate that names nobody. Throws if its uid is not one. */
export const userOfCertificate = (certificate: PeerCertificate): UserInfo | undefined => {
  const name = commonNameOf(certificate)
  if (name === '') return undefined
  const fingerprint = createHash('sha256').update(certificate.raw).digest('hex')
  return {
    name,
    uid: uidOfCertificate(certificate.raw),
    groups: organizationsOf(certificate),
    extra: { [credentialIdKey]: [`X509SHA256=${fingerprint}`] },
  }
}

export const tlsSocketOf = (request: ApiRequest): TLSSocket | undefined =>
  request.socket instanceof TLSSocket ? request.socket : undefined

export const x509 = (check: CertificateCheck): RequestAuthenticator => {
  const users = new WeakMap<PeerCertificate, UserInfo | 'invalid' | 'nobody'>()
  const userOf = (certificate: PeerCertificate): UserInfo | 'invalid' | 'nobody' => {
    try {
      return userOfCertificate(certificate) ?? 'nobody'
    } catch {
      return 'invalid'
    }
  }
  return (request) => {
    const socket = tlsSocketOf(request)
    const certificate = socket === undefined ? undefined : check(socket)
    if (certificate === undefined || certificate === 'invalid') return certificate
    let user = users.get(certificate)
    if (user === undefined) {
      user = userOf(certificate)
      users.set(certificate, user)
    }
    return user === 'nobody' ? undefined : user
  }
}
