/** AES of 128, 192 or 256 bits, by the length of the key. Upstream: value/encrypt/aes */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { tooShort, type Transformer } from './transformer.ts'

const nonceBytes = 12
const tagBytes = 16
const blockBytes = 16

/** Galois/counter mode with a random nonce: nonce, ciphertext, tag. The key of the object is authenticated too. */
export const aesGcm = (key: Buffer): Transformer => {
  const cipherName = `aes-${key.length * 8}-gcm` as 'aes-256-gcm'
  return {
    fromStorage: (data, context) => {
      if (data.length < nonceBytes) throw tooShort()
      if (data.length < nonceBytes + tagBytes) throw new Error('cipher: message authentication failed')
      const tagAt = data.length - tagBytes
      const decipher = createDecipheriv(cipherName, key, data.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(context)
      decipher.setAuthTag(data.subarray(tagAt))
      const plain = decipher.update(data.subarray(nonceBytes, tagAt))
      try {
        decipher.final()
      } catch (error) {
        throw new Error('cipher: message authentication failed', { cause: error })
      }
      return { data: plain, stale: false }
    },
    toStorage: (data, context) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(cipherName, key, nonce, { authTagLength: tagBytes })
      cipher.setAAD(context)
      const bytes = cipher.update(data)
      cipher.final()
      return Buffer.concat([nonce, bytes, cipher.getAuthTag()])
    },
  }
}

/** Cipher block chaining with PKCS #7: initialization vector, ciphertext. Nothing is authenticated. */
export const aesCbc = (key: Buffer): Transformer => {
  const cipherName = `aes-${key.length * 8}-cbc`
  return {
    fromStorage: (data) => {
      if (data.length < blockBytes) throw tooShort()
      const body = data.subarray(blockBytes)
      if (body.length % blockBytes !== 0) throw new Error('the stored data is not a multiple of the block size')
      const decipher = createDecipheriv(cipherName, key, data.subarray(0, blockBytes)).setAutoPadding(false)
      return { data: withoutPadding(Buffer.concat([decipher.update(body), decipher.final()])), stale: false }
    },
    toStorage: (data) => {
      const vector = randomBytes(blockBytes)
      const cipher = createCipheriv(cipherName, key, vector)
      return Buffer.concat([vector, cipher.update(data), cipher.final()])
    },
  }
}

const withoutPadding = (padded: Buffer): Buffer => {
  const size = padded.at(-1) ?? 0
  if (size === 0 || size > padded.length) throw new Error('invalid PKCS7 data (empty or not padded)')
  const data = padded.subarray(0, padded.length - size)
  if (padded.subarray(data.length).some((byte) => byte !== size)) throw new Error('invalid padding on input')
  return data
}

export const seedBytes = 32
const infoBytes = 32
const cachedKeys = 512

/** The first block of HKDF-Expand with SHA-256, which is a whole key: RFC 5869, 2.3. */
export const expandKey = (seed: Buffer, info: Buffer): Buffer =>
  createHmac('sha256', seed)
    .update(info)
    .update(Buffer.from([1]))
    .digest()

/**
 * AES-256-GCM with a key of its own for each write, expanded from a seed (HKDF-SHA256) by 32 random bytes that are
 * stored in front: so a seed is good for any number of writes. Upstream: extendedNonceGCM
 */
export const seededGcm = (seed: Buffer): Transformer => {
  if (seed.length < seedBytes) throw new Error(`invalid seed length ${seed.length} used for key generation`)
  const derived = new LRUCache<string, Transformer>({ max: cachedKeys })
  const derive = (info: Buffer): Transformer => aesGcm(expandKey(seed, info))
  return {
    fromStorage: (data, context) => {
      if (data.length < infoBytes) throw tooShort()
      const info = data.subarray(0, infoBytes)
      const name = info.toString('latin1')
      let transformer = derived.get(name)
      if (transformer === undefined) {
        transformer = derive(info)
        derived.set(name, transformer)
      }
      return transformer.fromStorage(data.subarray(infoBytes), context)
    },
    toStorage: (data, context) => {
      const info = randomBytes(infoBytes)
      const transformer = derive(info)
      // The event of this write comes back in a moment.
      derived.set(info.toString('latin1'), transformer)
      return Buffer.concat([info, transformer.toStorage(data, context) as Buffer])
    },
  }
}
