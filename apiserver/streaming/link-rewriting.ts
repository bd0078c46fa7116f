/**
 * Links in what a proxied server answers: absolute paths get the path of the proxy in front, so that pages and
 * redirects made for `/` work below `/api/v1/namespaces/ns/pods/name/proxy/`. Pure.
 * Upstream: k8s.io/apimachinery/pkg/util/proxy/transport.go
 */
import { cleanPath } from './backend-path.ts'
import { type Attribute, htmlTokens, serializeTag } from './html-tokens.ts'

export interface LinkContext {
  /** `/api/v1/namespaces/ns/pods/name/proxy`, without a slash at the end. */
  readonly prefix: string
  /** `host:port` of the backend. */
  readonly backendHost: string
  /** Host header of the request. */
  readonly requestHost: string
}

const absolute = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^/?#]*)([^?#]*)(.*)$/i

/** One link; what points elsewhere or is relative stays as it is. */
export const rewriteLink = (link: string, { prefix, backendHost, requestHost }: LinkContext): string => {
  const match = absolute.exec(link)
  const host = match?.[1] ?? ''
  if (match !== null && host !== backendHost && host !== requestHost) return link
  const rest = match === null ? link : `${match[2] ?? ''}${match[3] ?? ''}`
  if (!rest.startsWith('/')) return link
  const origin = host !== '' && host === requestHost ? link.slice(0, link.length - rest.length) : ''
  if (rest.startsWith(prefix)) return `${origin}${rest}`
  const end = rest.search(/[?#]/)
  const [path, more] = end < 0 ? [rest, ''] : [rest.slice(0, end), rest.slice(end)]
  return `${origin}${cleanPath(`${prefix}${path}`)}${more}`
}

/** Attributes that hold a link, by element. */
const linkAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
}

/** Rewrites the links of a page. Tags that may hold one are written anew, in Go's way; every other byte is left alone. */
export const rewriteHtml = (html: string, context: LinkContext): string => {
  let rewritten = ''
  for (const token of htmlTokens(html)) {
    const names =
      token.type === 'tag' && Object.hasOwn(linkAttributes, token.name) ? linkAttributes[token.name] : undefined
    if (token.type !== 'tag' || names === undefined) {
      rewritten += token.raw
      continue
    }
    const attributes = token.attributes.map(
      (attribute): Attribute =>
        names.includes(attribute.name)
          ? { name: attribute.name, value: rewriteLink(attribute.value, context) }
          : attribute,
    )
    rewritten += serializeTag({ ...token, attributes })
  }
  return rewritten
}
