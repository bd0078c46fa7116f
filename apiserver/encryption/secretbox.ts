/** NaCl's secretbox: XSalsa20 and Poly1305, which Node's crypto lacks. Upstream: value/encrypt/secretbox */
import { randomBytes } from 'node:crypto'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { tooShort, type Transformer } from './transformer.ts'

const nonceBytes = 24
const tagBytes = 16

/** Nonce, tag, ciphertext. */
export const secretbox = (key: Buffer): Transformer => ({
  fromStorage: (data) => {
    if (data.length < nonceBytes + tagBytes) throw tooShort()
    try {
      const plain = xsalsa20poly1305(key, data.subarray(0, nonceBytes)).decrypt(data.subarray(nonceBytes))
      return { data: Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength), stale: false }
    } catch (error) {
      // Upstream's words for data that are not what was written.
      throw new Error('output array was not large enough for encryption', { cause: error })
    }
  },
  toStorage: (data) => {
    const nonce = randomBytes(nonceBytes)
    return Buffer.concat([nonce, xsalsa20poly1305(key, nonce).encrypt(data)])
  },
})
