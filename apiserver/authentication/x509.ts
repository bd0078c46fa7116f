/** Client certificates: CN is the user, O the groups. Upstream: authentication/request/x509 */
import { X509Certificate } from 'node:crypto'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { RequestAuthenticator } from './authenticator.ts'
import type { ApiRequest } from '../server/message.ts'
import type { UserInfo } from './user.ts'

/** What a connection's certificate says: once per connection, not per request. */
export type CertificateCheck = (socket: TLSSocket) => PeerCertificate | 'invalid' | undefined

/** The certificates of a PEM bundle. */
export const parseBundle = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map(
    (text) => new X509Certificate(text),
  )

/**
 * The peer's certificate if it was verified in the handshake and issued by one of `authorities`. The handshake knows
 * the client CA and the front-proxy CA together, so who issued it is checked again.
 */
export const createCertificateCheck = (authorities: () => readonly X509Certificate[]): CertificateCheck => {
  const known = new WeakMap<TLSSocket, PeerCertificate | 'invalid' | 'none'>()
  const check = (socket: TLSSocket): PeerCertificate | 'invalid' | 'none' => {
    const peer = socket.getPeerCertificate()
    if (peer.raw === undefined) return 'none'
    if (!socket.authorized) return 'invalid'
    const certificate = new X509Certificate(peer.raw)
    const issued = authorities().some(
      (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
    )
    return issued ? peer : 'none'
  }
  return (socket) => {
    let result = known.get(socket)
    if (result === undefined) {
      result = check(socket)
      known.set(socket, result)
    }
    return result === 'none' ? undefined : result
  }
}

const asList = (value: string | string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value

export const userOfCertificate = ({ subject }: PeerCertificate): UserInfo => ({
  name: asList(subject.CN)[0] ?? '',
  uid: '',
  groups: asList(subject.O),
  extra: {},
})

export const tlsSocketOf = (request: ApiRequest): TLSSocket | undefined =>
  request.socket instanceof TLSSocket ? request.socket : undefined

export const x509 = (check: CertificateCheck): RequestAuthenticator => {
  const users = new WeakMap<PeerCertificate, UserInfo>()
  return (request) => {
    const socket = tlsSocketOf(request)
    const certificate = socket === undefined ? undefined : check(socket)
    if (certificate === undefined || certificate === 'invalid') return certificate
    let user = users.get(certificate)
    if (user === undefined) {
      user = userOfCertificate(certificate)
      users.set(certificate, user)
    }
    return user
  }
}
