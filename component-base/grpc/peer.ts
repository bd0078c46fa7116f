/** Who is at the other end of a connection. */
import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import { TLSSocket } from 'node:tls'

/** Read once a connection: reading a certificate costs more than most calls. */
const names = new WeakMap<Http2Session, { readonly commonName: string | undefined }>()

/** http2 hides its socket behind a proxy, which still answers what it is an instance of. */
const readCommonName = ({ socket }: Http2Session): string | undefined => {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const name: unknown = socket.getPeerCertificate().subject?.CN
  // Of several common names the last counts, as Go has it.
  return Array.isArray(name) ? String(name.at(-1)) : typeof name === 'string' ? name : ''
}

/**
 * The common name of the client's verified certificate ('' if it has none); undefined for a client without one.
 */
export const peerCommonName = ({ session }: ServerHttp2Stream): string | undefined => {
  if (session === undefined) return undefined
  let known = names.get(session)
  if (known === undefined) names.set(session, (known = { commonName: readCommonName(session) }))
  return known.commonName
}
