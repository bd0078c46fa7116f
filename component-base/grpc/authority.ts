/**
 * Repairs `:authority` in a block of HTTP/2 headers. Some of etcd's clients (3.4's per endpoint, 3.5.0's always) put a
 * whole URL or the name of a resolver there; Go's servers never look at it, but node's HTTP/2 ends such a request with
 * PROTOCOL_ERROR before anybody sees it. The block is HPACK (RFC 7541): fields are indices and literals one after
 * another, literals mostly in the Huffman code of its appendix B.
 */

/** Index of `:authority` in the static table. */
const authorityIndex = 1
/** RFC 3986: what nghttp2 takes. */
const legalAuthority = /^[\w!$%&'()*+,\-.:;=@[\]~]+$/
const illegal = /[^\w!$%&'()*+,\-.:;=@[\]~]/g

/** Lengths of the Huffman codes of the characters that URLs are made of; the code is canonical, so they are enough. */
const codeLengths: readonly (readonly [bits: number, characters: string])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [15, '<`{'],
]
const longestCode = 15

const characterOf = ((): ReadonlyMap<number, string> => {
  const map = new Map<number, string>()
  let code = 0
  let length = 0
  for (const [bits, characters] of codeLengths) {
    code <<= bits - length
    length = bits
    for (const character of characters) map.set((bits << 16) | code++, character)
  }
  return map
})()

/** Undefined for text with characters that have longer codes. */
const decodeHuffman = (bytes: Uint8Array): string | undefined => {
  let text = ''
  let code = 0
  let bits = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1)
      bits++
      const character = characterOf.get((bits << 16) | code)
      if (character !== undefined) {
        text += character
        code = bits = 0
      } else if (bits > longestCode) return undefined
    }
  }
  return text // what is left is padding
}

/** Thrown at the end of a block that ends within a field: nghttp2 may say what it thinks of it. */
class Truncated extends Error {}

/** An integer with a prefix of `prefixBits`; returns it and the place behind it. */
const readInteger = (block: Buffer, at: number, prefixBits: number): readonly [value: number, next: number] => {
  const byteAt = (position: number): number => {
    const byte = block[position]
    if (byte === undefined) throw new Truncated()
    return byte
  }
  const mask = (1 << prefixBits) - 1
  let value = byteAt(at) & mask
  let next = at + 1
  if (value < mask) return [value, next]
  for (let scale = 1; ; scale *= 128) {
    const byte = byteAt(next++)
    value += (byte & 127) * scale
    if (byte < 128) return [value, next]
  }
}

/** Where the bytes of a string lie whose length stands at `at`. */
const stringAt = (block: Buffer, at: number): { readonly start: number; readonly end: number } => {
  const [length, start] = readInteger(block, at, 7)
  if (start + length > block.length) throw new Truncated()
  return { start, end: start + length }
}

const encodeInteger = (value: number, prefixBits: number): Buffer => {
  const mask = (1 << prefixBits) - 1
  if (value < mask) return Buffer.from([value])
  const bytes = [mask]
  let rest = value - mask
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

const encodeString = (text: string): Buffer => Buffer.concat([encodeInteger(text.length, 7), Buffer.from(text)])

/** Host and port of what should have been that; never longer, for the tables of both sides must keep their entries. */
const repaired = (authority: string | undefined): string => {
  const afterScheme = /:\/\/([^/\]?#]+)/.exec(authority ?? '')?.[1] ?? authority ?? ''
  const host = afterScheme.replace(illegal, '-')
  return host === '' ? '-' : host
}

/** The block with a legal `:authority`; the same block if it has that, or none. */
export const repairAuthority = (block: Buffer): Buffer => {
  let at = 0
  try {
    while (at < block.length) {
      const first = block[at] ?? 0
      const [index, afterName] = readInteger(block, at, first & 0x80 ? 7 : first & 0x40 ? 6 : first & 0x20 ? 5 : 4)
      at = afterName
      // An index alone, or a change of the table's size.
      if (first & 0x80 || (first & 0xe0) === 0x20) continue
      if (index === 0) at = stringAt(block, at).end
      const { start, end } = stringAt(block, at)
      const value = block.subarray(start, end)
      if (index === authorityIndex) {
        const text = (block[at] ?? 0) & 0x80 ? decodeHuffman(value) : value.toString('latin1')
        if (text !== undefined && legalAuthority.test(text)) return block
        return Buffer.concat([block.subarray(0, at), encodeString(repaired(text)), block.subarray(end)])
      }
      at = end
    }
  } catch (err) {
    if (!(err instanceof Truncated)) throw err
  }
  return block
}
