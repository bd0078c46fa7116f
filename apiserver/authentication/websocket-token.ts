/**
 * A bearer token among the subprotocols of a WebSocket: browsers can send no other header.
 * Upstream: authentication/request/websocket
 */
import { requestedUpgrade } from '../../component-base/streams/upgrade.ts'
import type { ApiRequest } from '../server/message.ts'
import { type RequestAuthenticator, type TokenAuthenticator, userOfToken } from './authenticator.ts'

const prefix = 'base64url.bearer.authorization.k8s.io.'
const header = 'sec-websocket-protocol'

const decoded = (text: string): string | undefined => {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64url'))
  } catch {
    return undefined
  }
}

/** From here on the request knows nothing of the token: it must not reach a backend, nor be chosen. */
const forgetToken = ({ headers, headersDistinct, rawHeaders }: ApiRequest, protocols: readonly string[]): void => {
  const rest = protocols.join(',')
  headers[header] = rest
  headersDistinct[header] = [rest]
  const raw = rawHeaders as string[]
  let written = false
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() !== header) continue
    if (written) raw.splice(at, 2)
    else raw[at + 1] = rest
    if (written) at -= 2
    written = true
  }
}

export const webSocketToken =
  (authenticators: readonly TokenAuthenticator[]): RequestAuthenticator =>
  async (request, notes) => {
    if (requestedUpgrade(request) !== 'websocket') return undefined
    const protocols = (request.headersDistinct[header] ?? [])
      .flatMap((value) => value.split(','))
      .map((one) => one.trim())
    const tokens = protocols.filter((protocol) => protocol.startsWith(prefix))
    const [first] = tokens
    if (first === undefined) return undefined
    if (tokens.length > 1) return 'invalid'
    const token = decoded(first.slice(prefix.length))
    if (token === undefined) return 'invalid'
    const others = protocols.filter((protocol) => !protocol.startsWith(prefix))
    // A server must choose one of what it is offered, and a token is nothing to choose.
    if (token !== '' && others.length === 0) return 'invalid'
    if (token === '') return undefined
    const user = await userOfToken(authenticators, token, notes)
    if (user !== 'invalid') forgetToken(request, others)
    return user
  }
