/** Stores bytes as they are, and takes no encrypted ones for plain. Upstream: value/encrypt/identity */
import type { Transformer } from './transformer.ts'

const encrypted = Buffer.from('k8s:enc:')

export const identity: Transformer = {
  fromStorage: (data) => {
    if (data.length >= encrypted.length && data.compare(encrypted, 0, encrypted.length, 0, encrypted.length) === 0) {
      throw new Error('identity transformer tried to read encrypted data')
    }
    return { data, stale: false }
  },
  toStorage: (data) => data,
}
