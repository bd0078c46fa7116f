/**
 * SPDY header blocks: name/value pairs, compressed. Each direction of a connection has one zlib context for all its
 * header blocks, so every block must pass through here, in order, even those nobody wants.
 */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'
import { headerDictionary } from './dictionary.ts'

/** Names in lower case. Repeated values are separated by NUL, as on the wire. */
export type SpdyHeaders = Readonly<Record<string, string>>

/** A compressed block of a few kilobytes may expand a thousandfold: what is longer than this ends the connection. */
const maxBlockBytes = 64 * 1024

export class SpdyProtocolError extends Error {
  override readonly name = 'SpdyProtocolError'
}

/** The plain form of a header block. */
export const encodePairs = (headers: SpdyHeaders): Buffer => {
  const entries = Object.entries(headers)
  const parts: Buffer[] = []
  const putLength = (length: number): void => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(length)
    parts.push(bytes)
  }
  putLength(entries.length)
  for (const [name, value] of entries) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text)
      putLength(bytes.length)
      parts.push(bytes)
    }
  }
  return Buffer.concat(parts)
}

/** Throws SpdyProtocolError if the block ends early. */
export const decodePairs = (block: Buffer): SpdyHeaders => {
  let at = 0
  const length = (): number => {
    if (at + 4 > block.length) throw new SpdyProtocolError('header block is cut off')
    const value = block.readUInt32BE(at)
    at += 4
    return value
  }
  const text = (): string => {
    const end = length() + at
    if (end > block.length) throw new SpdyProtocolError('header block is cut off')
    const value = block.toString('utf8', at, end)
    at = end
    return value
  }
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let left = length(); left > 0; left--) {
    const name = text().toLowerCase()
    headers[name] = text()
  }
  return headers
}

/** Feeds one block to a zlib context and takes what comes out; rejects when it is damaged or too long. */
const run = async (context: Inflate | Deflate, input: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > maxBlockBytes) settle(new SpdyProtocolError('header block is too long'))
    }
    const settle = (error?: Error | null): void => {
      context.off('data', onData).off('error', settle)
      if (error) {
        context.on('error', () => {})
        context.destroy()
        reject(error)
      } else resolve(Buffer.concat(chunks))
    }
    context.on('data', onData).on('error', settle)
    context.write(input, (error) => {
      // Output that is still buffered is handed to onData by read().
      if (!error) context.read()
      settle(error)
    })
  })

export class HeaderCodec {
  readonly #inflate = createInflate({ dictionary: headerDictionary, flush: constants.Z_SYNC_FLUSH })
  readonly #deflate = createDeflate({ dictionary: headerDictionary, flush: constants.Z_SYNC_FLUSH })

  /** Calls must not overlap: the caller awaits each. */
  async decode(block: Uint8Array): Promise<SpdyHeaders> {
    return decodePairs(await run(this.#inflate, block))
  }

  /** Calls must not overlap. */
  async encode(headers: SpdyHeaders): Promise<Buffer> {
    return run(this.#deflate, encodePairs(headers))
  }

  destroy(): void {
    this.#inflate.destroy()
    this.#deflate.destroy()
  }
}
