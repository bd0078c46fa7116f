/** URLs as values, as Go's net/url reads them. Upstream: apiserver/pkg/cel/library/urls.go */
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, LiteralMap, Opaque, type Value } from '../values.ts'
import { walk } from './operators.ts'

interface Url {
  readonly text: string
  readonly scheme: string
  readonly host: string
  readonly hostname: string
  readonly port: string
  readonly path: string
  readonly query: string
}

export class UrlValue extends Opaque {
  readonly typeName = 'kubernetes.URL'
  readonly url: Url
  constructor(url: Url) {
    super()
    this.url = url
  }
  equals(other: Opaque): boolean {
    return other instanceof UrlValue && other.url.text === this.url.text
  }
}

const form = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/
const badEscape = /%(?![0-9a-fA-F]{2})/
const hostForm = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s<>"]*))(?::(\d*))?$/
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const control = /[\x00-\x1f\x7f]/

/** Go's characters that a path may hold as they are. */
const escapePath = (path: string): string =>
  path.replaceAll(/[^A-Za-z0-9\-_.~$&+,/:;=@!'()*%[\]]/gu, (ch) => encodeURIComponent(ch))

/** Only absolute URLs and absolute paths: url.ParseRequestURI. */
const parse = (text: string): Url | undefined => {
  const match = form.exec(text)
  if (match === null || control.test(text)) return undefined
  const [, scheme = '', authority, path = '', query = ''] = match
  if (scheme === '' && !text.startsWith('/')) return undefined
  if (scheme !== '' && authority === undefined && !path.startsWith('/')) return undefined
  if (badEscape.test(path) || badEscape.test(authority ?? '')) return undefined
  const address = (authority ?? '').slice((authority ?? '').lastIndexOf('@') + 1)
  const host = hostForm.exec(address)
  if (host === null) return undefined
  const [, bracketed, plain = '', port = ''] = host
  const hostname = bracketed ?? plain
  return { text, scheme: scheme.toLowerCase(), host: address, hostname, port, path: escapePath(path), query }
}

const url = (text: string): Value => {
  const parsed = parse(text)
  if (parsed === undefined)
    throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}`)
  return new UrlValue(parsed)
}

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** Parameters that cannot be read are left out, as Go does. */
const queryOf = ({ url: { query } }: UrlValue): Value => {
  const values = new Map<string, string[]>()
  for (const part of query.split('&')) {
    if (part === '' || part.includes(';')) continue
    const at = part.indexOf('=')
    const key = decode(at === -1 ? part : part.slice(0, at))
    const value = decode(at === -1 ? '' : part.slice(at + 1))
    if (key === undefined || value === undefined) continue
    const list = values.get(key)
    if (list === undefined) values.set(key, [value])
    else list.push(value)
  }
  return new LiteralMap(values)
}

const getter = (name: string, field: Exclude<keyof Url, 'text'>): FunctionDeclaration =>
  method(name, 'kubernetes.URL -> string', (value: UrlValue) => value.url[field])

export const urlFunctions: readonly FunctionDeclaration[] = [
  func('url', 'string -> kubernetes.URL', url, walk),
  func('isURL', 'string -> bool', (text: string) => parse(text) !== undefined, walk),
  getter('getScheme', 'scheme'),
  getter('getHost', 'host'),
  getter('getHostname', 'hostname'),
  getter('getPort', 'port'),
  getter('getEscapedPath', 'path'),
  method('getQuery', 'kubernetes.URL -> map(string, list(string))', queryOf),
]
