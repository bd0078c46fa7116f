/**
 * Links in what a proxied server answers: absolute paths get the path of the proxy in front, so that pages and
 * redirects made for `/` work below `/api/v1/namespaces/ns/pods/name/proxy/`. Pure.
 * Upstream: k8s.io/apimachinery/pkg/util/proxy/transport.go
 */

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
  return rest.startsWith(prefix) ? `${origin}${rest}` : `${origin}${prefix}${rest}`
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

const openTag = /<([a-z]+)(\s[^<>]*)>/gi
const attribute = /(\s)([a-z]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/gi

/** Rewrites the links of a page and leaves every other byte alone. */
export const rewriteHtml = (html: string, context: LinkContext): string =>
  html.replace(openTag, (tag, element: string, attributes: string) => {
    const names = Object.hasOwn(linkAttributes, element.toLowerCase())
      ? linkAttributes[element.toLowerCase()]
      : undefined
    if (names === undefined) return tag
    const rewritten = attributes.replace(
      attribute,
      (whole, space: string, name: string, equals: string, value: string) => {
        if (!names.includes(name.toLowerCase())) return whole
        const quote = value.startsWith('"') || value.startsWith("'") ? value.charAt(0) : ''
        const link = quote === '' ? value : value.slice(1, -1)
        return `${space}${name}${equals}${quote}${rewriteLink(link, context)}${quote}`
      },
    )
    return `<${element}${rewritten}>`
  })
