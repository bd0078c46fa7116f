/** URLs to listen on and to advertise, with etcd's rules for both. */
import { isIP } from 'node:net'
import { UsageError } from '../../component-base/process/run.ts'

/** Where a listener listens. */
export type ListenAddress = { readonly text: string; readonly secure: boolean } & (
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }
  | { readonly type: 'unix'; readonly path: string }
)

const hostPort = /^(\[[^\]]*\]|[^:[\]]*):(\d*)$/

const splitUrl = (
  text: string,
): { readonly scheme: string; readonly host: string; readonly path: string } | undefined => {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#]*)(.*)$/.exec(text)
  if (match === null) return undefined
  const [, scheme = '', host = '', path = ''] = match
  return { scheme: scheme.toLowerCase(), host, path }
}

/** What is wrong with URLs that are no etcd's at all; undefined if nothing is. */
export const checkUrls = (texts: readonly string[]): string | undefined => {
  for (const text of texts) {
    const { scheme, host, path } = splitUrl(text) ?? { scheme: '', host: '', path: '' }
    switch (scheme) {
      case 'http':
      case 'https':
        if (!hostPort.test(host)) return `URL address does not have the form "host:port": ${text}`
        if (path !== '') return `URL must not contain a path: ${text}`
        break
      case 'unix':
      case 'unixs':
        break
      default:
        return `URL scheme must be http, https, unix, or unixs: ${text}`
    }
  }
  return undefined
}

const hostOf = (text: string): string => text.replace(/^\[|\]$/g, '')

/** The address of a URL to listen on; throws UsageError when it names a host that is no address. */
export const listenAddress = (text: string): ListenAddress => {
  const url = splitUrl(text)
  if (url === undefined) throw new UsageError(`not a URL: ${text}`, { exitCode: 1 })
  const secure = url.scheme === 'https' || url.scheme === 'unixs'
  if (url.scheme.startsWith('unix')) return { type: 'unix', text, secure, path: `${url.host}${url.path}` }
  const [, rawHost = '', port = ''] = hostPort.exec(url.host) ?? []
  const host = hostOf(rawHost)
  if (host !== 'localhost' && isIP(host) === 0) {
    throw new UsageError(`expected IP in URL for binding (${text})`, { exitCode: 1 })
  }
  return { type: 'tcp', text, secure, host, port: Number(port) }
}

/** Throws UsageError when a URL that clients are told has no host. */
export const checkAdvertised = (flag: string, texts: readonly string[]): void => {
  for (const text of texts) {
    const host = splitUrl(text)?.host ?? ''
    const [, name = ''] = hostPort.exec(host) ?? []
    if (!hostPort.test(host) || name === '') {
      const why = hostPort.test(host) ? `unexpected empty host (${text})` : `address ${host}: missing port in address`
      throw new UsageError(`--${flag} ${JSON.stringify(texts.join(','))} must be "host:port" (${why})`, { exitCode: 1 })
    }
  }
}
