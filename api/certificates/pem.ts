/** PEM, as Go reads it: what stands outside of blocks, and blocks that are none, are passed over. */

export interface PemBlock {
  /** `CERTIFICATE`. */
  readonly type: string
  readonly hasHeaders: boolean
  /** The bytes within. */
  readonly der: Buffer
}

const block = /^-----BEGIN ([^\n]*?)-----[ \t]*\r?\n([\s\S]*?)-----END \1-----[ \t]*\r?$/gm

/** The blocks of a text, in order. */
export const pemBlocks = (text: string): readonly PemBlock[] =>
  [...text.matchAll(block)].map(([, type = '', body = '']) => {
    const lines = body.split('\n')
    const data = lines.filter((line) => !line.includes(':')).join('')
    return { type, hasHeaders: data.length < lines.join('').length, der: Buffer.from(data, 'base64') }
  })
