/** Who may ask over HTTP from where: CORS and the host whitelist, as etcd applies them to its client URLs. */
import { type HttpExchange, sendPlainError } from './exchange.ts'

export interface AccessOptions {
  /** Origins of --cors; empty, or with '*', allows all. */
  readonly cors: readonly string[]
  /** Host names of --host-whitelist; empty, or with '*', allows all. Asked of cleartext requests. */
  readonly hostWhitelist: readonly string[]
}

const allows = (list: readonly string[], name: string): boolean =>
  list.length === 0 || list.includes('*') || list.includes(name)

const hostName = (host: string): string => /^\[(.*)\](?::\d+)?$/.exec(host)?.[1] ?? host.replace(/:\d+$/, '')

const rebindingRefusal = (host: string): string => `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`

const allowOrigin = (exchange: HttpExchange, origin: string): void => {
  exchange.setHeader('access-control-allow-methods', 'POST, GET, OPTIONS, PUT, DELETE')
  exchange.setHeader('access-control-allow-origin', origin)
  exchange.setHeader('access-control-allow-headers', 'accept, content-type, authorization')
}

/** Answers requests that go no further (a host not on the list, a preflight); false for all others. */
export const answeredByAccess = (exchange: HttpExchange, { cors, hostWhitelist }: AccessOptions): boolean => {
  const host = hostName(exchange.host)
  if (!exchange.secure && !allows(hostWhitelist, host)) {
    sendPlainError(exchange, 421, rebindingRefusal(host))
    return true
  }
  const { origin = '' } = exchange.headers
  if (allows(cors, '*')) allowOrigin(exchange, '*')
  else if (allows(cors, origin)) allowOrigin(exchange, origin)
  if (exchange.method !== 'OPTIONS') return false
  exchange.send(200, {}, '')
  return true
}
