/**
 * Just enough of an HTML tokenizer to find the start tags of a page: comments and the text of scripts hold none.
 * Tags are written as golang.org/x/net/html writes them. Pure.
 */

export interface Attribute {
  /** In lower case. */
  readonly name: string
  /** Character references are undone, but for those that we do not know. */
  readonly value: string
}

export interface Tag {
  readonly type: 'tag'
  readonly raw: string
  /** In lower case. */
  readonly name: string
  readonly attributes: readonly Attribute[]
  readonly selfClosing: boolean
}

/** Text, comments, end tags. */
interface Other {
  readonly type: 'other'
  readonly raw: string
}

/** Elements whose content is text up to their end tag. */
const rawTextElements = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'plaintext',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
])

const tagName = /<([a-z][^\s/>]*)/iy
const space = /[\s/]*/y
const attributeName = /[^\s/>][^\s/>=]*/y
const equals = /\s*=\s*/y
const attributeValue = /"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*|(?=[\s>]))/y
const comment = /<!--(?:>|->|[^]*?(?:-->|$))/y
const markup = /<[!?/][^>]*>?/y

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** The start tag at `from`; null if there is none, undefined if the page ends in it. */
const tagAt = (html: string, from: number): Tag | null | undefined => {
  const found = matchAt(tagName, html, from)
  if (found === null) return null
  const attributes: Attribute[] = []
  let at = tagName.lastIndex
  for (;;) {
    matchAt(space, html, at)
    at = space.lastIndex
    if (at >= html.length) return undefined
    if (html[at] === '>') {
      const raw = html.slice(from, at + 1)
      return {
        type: 'tag',
        raw,
        name: (found[1] ?? '').toLowerCase(),
        attributes,
        selfClosing: raw.endsWith('/>'),
      }
    }
    const name = matchAt(attributeName, html, at)?.[0] ?? ''
    at += name.length
    let value = ''
    if (matchAt(equals, html, at) !== null) {
      const written = matchAt(attributeValue, html, equals.lastIndex)
      if (written === null) return undefined
      at = attributeValue.lastIndex
      value = written[1] ?? written[2] ?? written[3] ?? ''
    }
    attributes.push({ name: name.toLowerCase(), value: unescapeText(value) })
  }
}

/** Where the text of a raw text element ends. */
const rawTextEnd = (html: string, name: string, from: number): number => {
  if (name === 'plaintext') return html.length
  const found = html.slice(from).search(new RegExp(`</${name}[\\s/>]`, 'i'))
  return found < 0 ? html.length : from + found
}

/** All of the page, in order. */
export function* htmlTokens(html: string): Generator<Tag | Other> {
  let at = 0
  while (at < html.length) {
    if (html[at] !== '<') {
      const next = html.indexOf('<', at)
      const end = next < 0 ? html.length : next
      yield { type: 'other', raw: html.slice(at, end) }
      at = end
      continue
    }
    const tag = tagAt(html, at)
    if (tag === undefined) {
      yield { type: 'other', raw: html.slice(at) }
      return
    }
    if (tag === null) {
      const raw = (matchAt(comment, html, at) ?? matchAt(markup, html, at))?.[0] ?? '<'
      yield { type: 'other', raw }
      at += raw.length
      continue
    }
    yield tag
    const { raw, name } = tag
    at += raw.length
    if (!rawTextElements.has(name)) continue
    const end = rawTextEnd(html, name, at)
    if (end > at) yield { type: 'other', raw: html.slice(at, end) }
    at = end
  }
}

const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const unescapeText = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return characters[String(name).toLowerCase()] ?? whole
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
    // The page is Latin-1 here, one character a byte: what is beyond ASCII stays a reference.
    return code > 0 && code < 128 ? String.fromCharCode(code) : whole
  })

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  "'": '&#39;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  '\r': '&#13;',
}

/** References that were left as they are stay so. */
const escapeText = (text: string): string =>
  text.replace(/&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);|[&'<>"\r]/gi, (found) => escapes[found] ?? found)

/** `<a class="x" href="/y">`. */
export const serializeTag = ({ name, attributes, selfClosing }: Omit<Tag, 'raw'>): string => {
  const pairs = attributes.map((one) => ` ${one.name}="${escapeText(one.value)}"`)
  return `<${name}${pairs.join('')}${selfClosing ? '/>' : '>'}`
}
