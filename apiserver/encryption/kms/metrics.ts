/** Metrics of KMS plugins and their keys, under upstream's names. By these an administrator sees a rotation through. */
import { Counter, Gauge, Histogram, type Registry } from '../../../component-base/metrics/prometheus.ts'
import { realClock } from '../../../component-base/clock.ts'
import type { Direction } from '../transformer.ts'
import { keyIdHash } from './encrypted-object.ts'

/** Of one plugin. */
export interface KmsMetrics {
  /** `code` is the name of gRPC's status. */
  called(method: string, code: string, seconds: number): void
  /** A value was read or written under a key. */
  used(direction: Direction, keyId: string): void
  /** The plugin says that this is its key. */
  stated(keyId: string): void
  statedInvalid(problem: 'empty' | 'too_long'): void
  /** A key had to be decrypted by the plugin. */
  missed(): void
  /** How many keys are remembered. */
  remembered(count: number): void
}

const prefix = 'apiserver_envelope_encryption'
const buckets = Array.from({ length: 20 }, (_, power) => 0.0001 * 2 ** power)

/** What plugins have in common; `apiServerHash` tells the servers of one store apart. */
export const createKmsMetrics = (registry: Registry, apiServerHash: string): ((provider: string) => KmsMetrics) => {
  const registers = [registry]
  const latency = new Histogram({
    name: `${prefix}_kms_operations_latency_seconds`,
    help: 'KMS operation duration with gRPC error code status total.',
    labelNames: ['provider_name', 'method_name', 'grpc_status_code'],
    buckets,
    registers,
  })
  const keyLabels = ['transformation_type', 'provider_name', 'key_id_hash', 'apiserver_id_hash']
  const uses = new Counter({
    name: `${prefix}_key_id_hash_total`,
    help: 'Number of times a keyID is used split by transformation type, provider, and apiserver identity.',
    labelNames: keyLabels,
    registers,
  })
  const usedAt = new Gauge({
    name: `${prefix}_key_id_hash_last_timestamp_seconds`,
    help: 'The last time in seconds when a keyID was used.',
    labelNames: keyLabels,
    registers,
  })
  const statedAt = new Gauge({
    name: `${prefix}_key_id_hash_status_last_timestamp_seconds`,
    help: 'The last time in seconds when a keyID was returned by the Status RPC call.',
    labelNames: ['provider_name', 'key_id_hash', 'apiserver_id_hash'],
    registers,
  })
  const invalid = new Counter({
    name: `${prefix}_invalid_key_id_from_status_total`,
    help: 'Number of times an invalid keyID is returned by the Status RPC call split by error.',
    labelNames: ['provider_name', 'error'],
    registers,
  })
  const cacheSize = new Gauge({
    name: `${prefix}_dek_source_cache_size`,
    help: 'Number of records in data encryption key (DEK) source cache. On a restart, this value is an approximation of the number of decrypt RPC calls the server will make to the KMS plugin.',
    labelNames: ['provider_name'],
    registers,
  })
  const misses = new Counter({
    name: 'apiserver_storage_envelope_transformation_cache_misses_total',
    help: 'Total number of cache misses while accessing key decryption key(KEK).',
    registers,
  })
  return (provider) => {
    // Hashes of keys and of labels are made once for each key.
    const children = new Map<string, { readonly count: Counter.Internal; readonly at: Gauge.Internal<string> }>()
    return {
      called: (method, code, seconds) => latency.labels(provider, method, code).observe(seconds),
      used: (direction, keyId) => {
        const name = `${direction} ${keyId}`
        let child = children.get(name)
        if (child === undefined) {
          const labels = [direction, provider, keyIdHash(keyId), apiServerHash]
          child = { count: uses.labels(...labels), at: usedAt.labels(...labels) }
          children.set(name, child)
        }
        child.count.inc()
        child.at.set(realClock.now() / 1000)
      },
      stated: (keyId) => statedAt.labels(provider, keyIdHash(keyId), apiServerHash).set(realClock.now() / 1000),
      statedInvalid: (problem) => invalid.labels(provider, problem).inc(),
      missed: () => misses.inc(),
      remembered: (count) => cacheSize.labels(provider).set(count),
    }
  }
}
