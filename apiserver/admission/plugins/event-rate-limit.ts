/** EventRateLimit: bounds on how fast Events come, of all, of a namespace, of a user, or of one source on one object. */
import type { ParsedText } from '../../../api/codec/json.ts'
import { type FieldError, invalid, notSupported } from '../../../api/meta/field-error.ts'
import { StatusError } from '../../../api/meta/status-error.ts'
import type { Event } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { ConfigError, decodeConfig } from '../config/decode-config.ts'
import { integer, listOf, objectOf, text } from '../config/schema.ts'

interface Limit {
  readonly type?: string
  readonly qps?: number
  readonly burst?: number
  readonly cacheSize?: number
}

const configKind = {
  kind: 'Configuration',
  apiVersions: ['eventratelimit.admission.k8s.io/v1alpha1'],
  fields: {
    limits: listOf(objectOf('v1alpha1.Limit', { type: text, qps: integer, burst: integer, cacheSize: integer })),
  },
}

const defaultCacheSize = 4096

const sourceAndObject = ({ object }: AdmissionAttributes): string => {
  const { source = {}, involvedObject } = object as Event
  const { kind, namespace, name, uid, apiVersion } = involvedObject ?? {}
  return [source.component, source.host, kind, namespace, name, uid, apiVersion].map((part) => part ?? '').join('')
}

/** What Events have in common that share a limit. */
const keys: Readonly<Record<string, (attributes: AdmissionAttributes) => string>> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: sourceAndObject,
}

const errorsOf = ({ type = '', qps = 0, burst = 0, cacheSize = 0 }: Limit, path: string): FieldError[] => [
  ...(Object.hasOwn(keys, type) ? [] : [notSupported(`${path}.type`, type, Object.keys(keys).toSorted())]),
  ...(burst > 0 ? [] : [invalid(`${path}.burst`, burst, 'must be positive')]),
  ...(qps > 0 ? [] : [invalid(`${path}.qps`, qps, 'must be positive')]),
  ...(type === 'Server' || cacheSize >= 0 ? [] : [invalid(`${path}.cacheSize`, cacheSize, 'must not be negative')]),
]

interface Bucket {
  tokens: number
  filledAtMs: number
}

/** A token bucket for each key; of more than `cacheSize` the one that was used longest ago is forgotten. */
const createEnforcer = ({ type = '', qps = 0, burst = 0, cacheSize = 0 }: Limit, clock: Clock) => {
  const keyOf = keys[type] ?? (() => '')
  const buckets = new Map<string, Bucket>()
  return (attributes: AdmissionAttributes): string | undefined => {
    const key = keyOf(attributes)
    const now = clock.now()
    const bucket = buckets.get(key) ?? { tokens: burst, filledAtMs: now }
    buckets.delete(key)
    buckets.set(key, bucket)
    const oldest = buckets.keys().next().value
    if (buckets.size > (cacheSize || defaultCacheSize) && oldest !== undefined) buckets.delete(oldest)
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAtMs) / 1000) * qps)
    bucket.filledAtMs = now
    if (bucket.tokens < 1) return `Too many requests: limit reached on type ${type} for key ${key}`
    bucket.tokens -= 1
    return undefined
  }
}

/** Throws ConfigError: without limits there is nothing to do. */
export const eventRateLimit = (configuration: ParsedText | undefined, clock: Clock): AdmissionPlugin => {
  const { limits = [] } = (configuration === undefined ? {} : decodeConfig(configuration, configKind)) as {
    limits?: readonly Limit[]
  }
  const errors = [
    ...(limits.length === 0 ? [invalid('limits', [], 'must not be empty')] : []),
    ...limits.flatMap((limit, index) => errorsOf(limit, `limits[${index}]`)),
  ]
  if (errors.length > 0) throw new ConfigError(errors.map(({ field, detail }) => `${field}: ${detail}`).join(', '))
  const enforcers = limits.map((limit) => createEnforcer(limit, clock))
  return {
    name: 'EventRateLimit',
    operations: ['CREATE', 'UPDATE'],
    validate: (attributes) => {
      const { kind, dryRun } = attributes
      if (kind.kind !== 'Event' || kind.group !== '' || dryRun) return
      // Every limit counts every Event, whatever the others say.
      const exceeded = enforcers.flatMap((enforce) => enforce(attributes) ?? [])
      if (exceeded.length === 0) return
      const text = exceeded.length === 1 ? String(exceeded[0]) : `[${[...new Set(exceeded)].join(', ')}]`
      throw new StatusError('TooManyRequests', `Too many requests: ${text}`)
    },
  }
}
