/** Who makes a request, for a server that believes our front proxy certificate. Upstream: client-go's SetAuthProxyHeaders. */
import type { OutgoingHttpHeaders } from 'node:http'

export interface RemoteUser {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** Bytes of a header name, but for the percent sign that escapes all others. RFC 9110, token. */
const isPlain = /[!#$&'*+\-.^_`|~0-9A-Za-z]/

const escapedKey = (key: string): string =>
  [...Buffer.from(key)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return isPlain.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')

/** As Go writes it: the bytes of UTF-8. */
const headerValue = (text: string): string => Buffer.from(text).toString('latin1')

export const userHeaders = ({ name, uid = '', groups, extra = {} }: RemoteUser): OutgoingHttpHeaders => ({
  'X-Remote-User': headerValue(name),
  ...(uid === '' ? {} : { 'X-Remote-Uid': headerValue(uid) }),
  ...(groups.length === 0 ? {} : { 'X-Remote-Group': groups.map(headerValue) }),
  ...Object.fromEntries(
    Object.entries(extra).map(([key, values]) => [`X-Remote-Extra-${escapedKey(key)}`, values.map(headerValue)]),
  ),
})
