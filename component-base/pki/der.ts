/** DER, as much of it as certificates and requests for them need. Pure. */
import { isIP } from 'node:net'

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  t61: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visible: 0x1a,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content. */
  readonly whole: Buffer
  /** What follows the element. */
  readonly rest: Buffer
}

export const malformed = (): Error => new Error('asn1: structure error')

/** The first element of `bytes`. Throws if it does not fit. */
export const readElement = (bytes: Buffer): DerElement => {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined) throw malformed()
  let start = 2
  let length = first
  if (first >= 0x80) {
    const digits = first - 0x80
    if (digits === 0 || digits > 4 || bytes.length < 2 + digits) throw malformed()
    length = bytes.readUIntBE(2, digits)
    start += digits
  }
  const end = start + length
  if (bytes.length < end) throw malformed()
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(0, end), rest: bytes.subarray(end) }
}

/** The first element, which has to be of that tag. */
export const expectElement = (bytes: Buffer, tag: number): DerElement => {
  const element = readElement(bytes)
  if (element.tag !== tag) throw malformed()
  return element
}

/** All elements one after the other. */
export const elementsOf = (bytes: Buffer): DerElement[] => {
  const elements: DerElement[] = []
  for (let rest = bytes; rest.length > 0; ) {
    const element = readElement(rest)
    elements.push(element)
    rest = element.rest
  }
  return elements
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text of a string element. Throws for a type that is not known: who reads the certificate later (OpenSSL knows
 * them all) must not see another name than we.
 */
export const textOf = ({ tag, content }: DerElement): string => {
  switch (tag) {
    case tags.utf8:
    case tags.printable:
    case tags.numeric:
    case tags.ia5:
    case tags.visible:
      try {
        return utf8.decode(content)
      } catch {
        throw malformed()
      }
    case tags.t61:
      return content.toString('latin1')
    case tags.bmpString:
      if (content.length % 2 !== 0) throw malformed()
      return Buffer.from(content).swap16().toString('utf16le')
    default:
      throw malformed()
  }
}

const lengthOf = (length: number): Buffer => {
  if (length < 0x80) return Buffer.from([length])
  const hex = length.toString(16)
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return Buffer.concat([Buffer.from([0x80 + digits.length]), digits])
}

export const element = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

export const sequence = (...parts: readonly Buffer[]): Buffer => element(tags.sequence, ...parts)

/** An object identifier by the hexadecimal digits of its encoding. */
export const oid = (hex: string): Buffer => element(tags.oid, Buffer.from(hex, 'hex'))

export const octets = (...parts: readonly Buffer[]): Buffer => element(tags.octets, ...parts)

/** Whole bytes as a bit string. */
export const bitString = (bytes: Buffer, unusedBits = 0): Buffer => element(tags.bits, Buffer.from([unusedBits]), bytes)

export const derTrue = element(tags.boolean, Buffer.from([0xff]))
export const derNull = Buffer.from('0500', 'hex')

/** UTCTime until 2049, GeneralizedTime after that, as RFC 5280 wants it. */
export const derTime = (ms: number): Buffer => {
  const text = `${new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '')}Z`
  return text < '2050'
    ? element(tags.utcTime, Buffer.from(text.slice(2)))
    : element(tags.generalizedTime, Buffer.from(text))
}

/** Bytes as a PEM block of lines of 64 characters. */
export const toPem = (label: string, der: Buffer): string => {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

/** The 4 or 16 bytes of an IP address. Throws if it is none. */
export const addressBytes = (ip: string): Buffer => {
  if (isIP(ip) === 4) return Buffer.from(ip.split('.').map(Number))
  if (isIP(ip) !== 6) throw new Error(`${ip} is not an IP address`)
  // The URL parser writes every form (an IPv4 tail too) in the same way.
  const text = new URL(`http://[${ip}]`).hostname.slice(1, -1)
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const missing = text.includes('::') ? 8 - groups(head).length - groups(tail).length : 0
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** The other way round; an IPv6 address in full. */
export const addressText = (bytes: Buffer): string =>
  bytes.length === 4 ? [...bytes].join('.') : (bytes.toString('hex').match(/.{4}/g) ?? []).join(':')
