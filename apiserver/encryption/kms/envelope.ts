/** Data under a key of ours, and that key under one of the plugin's, in one message. Upstream: envelope/kmsv2 */
import { LRUCache } from 'lru-cache'
import { aesGcm, seededGcm } from '../aes.ts'
import type { Plain, Transformer } from '../transformer.ts'
import { keyOf, validateEncryptedObject } from './encrypted-object.ts'
import { EncryptedObject, sourceType } from './messages.ts'
import type { KmsMetrics } from './metrics.ts'
import type { KmsProbe } from './probe.ts'
import type { KmsService } from './service.ts'

/** How long a key is remembered that the plugin has decrypted. */
const cacheTtlMs = 24 * 3600 * 1000
const cachedKeys = 1000

export interface EnvelopeOptions {
  readonly service: KmsService
  readonly probe: KmsProbe
  readonly metrics: Pick<KmsMetrics, 'used' | 'missed' | 'remembered'>
}

export const envelope = ({ service, probe, metrics }: EnvelopeOptions): Transformer => {
  const known = new LRUCache<string, Transformer>({ max: cachedKeys, ttl: cacheTtlMs })
  const asking = new Map<string, Promise<Transformer>>()

  const remember = (cacheKey: string, transformer: Transformer): void => {
    known.set(cacheKey, transformer)
    metrics.remembered(known.size)
  }
  const ask = async (object: EncryptedObject, cacheKey: string): Promise<Transformer> => {
    metrics.missed()
    const { encryptedDEKSource, keyID, annotations, encryptedDEKSourceType: type } = object
    let key: Buffer
    try {
      key = Buffer.from(await service.decrypt(encryptedDEKSource, keyID, annotations))
    } catch (cause) {
      throw new Error(`failed to decrypt DEK, error: ${(cause as Error).message}`, { cause })
    }
    const transformer = type === sourceType.hkdfSeed ? seededGcm(key) : aesGcm(key)
    remember(cacheKey, transformer)
    return transformer
  }
  /** Objects of a list that share a key ask for it once. */
  const transformerOf = (object: EncryptedObject): Transformer | Promise<Transformer> => {
    const cacheKey = keyOf(object)
    const found = known.get(cacheKey)
    if (found !== undefined) return found
    let pending = asking.get(cacheKey)
    if (pending === undefined) {
      pending = ask(object, cacheKey).finally(() => asking.delete(cacheKey))
      asking.set(cacheKey, pending)
    }
    return pending
  }
  return {
    fromStorage: (data, context) => {
      const object = EncryptedObject.decode(data)
      validateEncryptedObject(object)
      const current = probe.current().object
      const outdated =
        object.keyID !== current.keyID || object.encryptedDEKSourceType !== current.encryptedDEKSourceType
      const open = (transformer: Transformer): Plain => {
        metrics.used('from_storage', object.keyID)
        const plain = transformer.fromStorage(object.encryptedData, context) as Plain
        return { data: plain.data, stale: plain.stale || outdated }
      }
      const transformer = transformerOf(object)
      return transformer instanceof Promise ? transformer.then(open) : open(transformer)
    },
    toStorage: (data, context) => {
      const { transformer, object, cacheKey } = probe.forWriting()
      remember(cacheKey, transformer)
      metrics.used('to_storage', object.keyID)
      return EncryptedObject.encode({ ...object, encryptedData: transformer.toStorage(data, context) as Buffer })
    },
  }
}
