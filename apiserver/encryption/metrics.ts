/** Metrics of encryption at rest, under upstream's names. */
import { createHash } from 'node:crypto'
import { realClock } from '../../component-base/clock.ts'
import { Counter, Gauge, Histogram, type Registry } from '../../component-base/metrics/prometheus.ts'
import { createKmsMetrics, type KmsMetrics } from './kms/metrics.ts'
import type { ObserveTransformation } from './transformer.ts'

export interface EncryptionMetrics {
  transformations(resource: string): ObserveTransformation
  /** Of one KMS plugin, by its name. */
  kms(provider: string): KmsMetrics
  reloaded(succeeded: boolean, configHash: string | undefined): void
  configLoaded(configHash: string): void
}

/** 5 µs and up, by twos. */
const buckets = Array.from({ length: 25 }, (_, power) => 5e-6 * 2 ** power)

export const createEncryptionMetrics = (registry: Registry, apiServerId: string): EncryptionMetrics => {
  const registers = [registry]
  const operations = new Counter({
    name: 'apiserver_storage_transformation_operations_total',
    help: 'Total number of transformations. Successful transformation will have a status OK and a varied status string when the transformation fails.',
    labelNames: ['resource', 'transformation_type', 'transformer_prefix', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'apiserver_storage_transformation_duration_seconds',
    help: 'Latencies in seconds of value transformation operations.',
    labelNames: ['transformation_type', 'transformer_prefix'],
    buckets,
    registers,
  })
  const reloads = new Counter({
    name: 'apiserver_encryption_config_controller_automatic_reloads_total',
    help: 'Total number of reload successes and failures of encryption configuration split by apiserver identity.',
    labelNames: ['status', 'apiserver_id_hash'],
    registers,
  })
  const reloadedAt = new Gauge({
    name: 'apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds',
    help: 'Timestamp of the last successful or failed reload of encryption configuration split by apiserver identity.',
    labelNames: ['status', 'apiserver_id_hash'],
    registers,
  })
  const configInfo = new Gauge({
    name: 'apiserver_encryption_config_controller_last_config_info',
    help: 'Information about the last applied encryption configuration with hash as label, split by apiserver identity.',
    labelNames: ['apiserver_id_hash', 'hash'],
    registers,
  })
  const idHash = `sha256:${createHash('sha256').update(apiServerId).digest('hex')}`
  const configLoaded = (hash: string): void => {
    configInfo.reset()
    configInfo.labels(idHash, hash).set(1)
  }
  return {
    transformations: (resource) => {
      // prom-client hashes labels at every call: children are looked up once.
      const counters = new Map<string, Counter.Internal>()
      const histograms = new Map<string, Histogram.Internal<string>>()
      return (direction, prefix, seconds, error) => {
        const status = error === undefined ? 'OK' : 'Unknown'
        const key = `${direction} ${prefix} ${status}`
        let counter = counters.get(key)
        if (counter === undefined) {
          counter = operations.labels(resource, direction, prefix, status)
          counters.set(key, counter)
        }
        counter.inc()
        if (error !== undefined) return
        let histogram = histograms.get(key)
        if (histogram === undefined) {
          histogram = durations.labels(direction, prefix)
          histograms.set(key, histogram)
        }
        histogram.observe(seconds)
      }
    },
    kms: createKmsMetrics(registry, idHash),
    reloaded: (succeeded, hash) => {
      const status = succeeded ? 'success' : 'failure'
      reloads.labels(status, idHash).inc()
      reloadedAt.labels(status, idHash).set(realClock.now() / 1000)
      if (hash !== undefined) configLoaded(hash)
    },
    configLoaded,
  }
}
