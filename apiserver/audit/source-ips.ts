/** Where a request says it comes from, and where it does. Upstream: utilnet.SourceIPs */
import { isIP } from 'node:net'
import type { ApiRequest } from '../server/message.ts'

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** An address as Go prints it, or undefined for what is none. */
const address = (text: string): string | undefined => {
  const plain = text.trim()
  if (isIP(plain) === 0) return undefined
  return mapped.exec(plain)?.[1] ?? plain.toLowerCase()
}

const single = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '')

/**
 * The addresses of X-Forwarded-For, that of X-Real-Ip if it is not among them, and last the peer's if it is not the last
 * already. All but the last are whatever the client wrote.
 */
export const sourceIps = ({ headers, socket }: ApiRequest): string[] => {
  const forwarded = single(headers['x-forwarded-for'])
  const addresses = forwarded === '' ? [] : forwarded.split(',').flatMap((part) => address(part) ?? [])
  const real = address(single(headers['x-real-ip']))
  if (real !== undefined && !addresses.includes(real)) addresses.push(real)
  const peer = address(socket.remoteAddress ?? '')
  if (peer !== undefined && addresses.at(-1) !== peer) addresses.push(peer)
  return addresses
}
