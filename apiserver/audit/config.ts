/** From the flags of auditing to what the backends are made of; bad values are refused in upstream's words. */
import type { FlagValues } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { BatchOptions } from './buffered.ts'
import { apiVersion } from './event.ts'
import type { auditFlags } from './flags.ts'
import type { LogFormat } from './log-backend.ts'
import type { RotationOptions } from './rotating-file.ts'
import type { TruncateOptions } from './truncate.ts'

/** Whether requests wait until their events are stored, and fail if that fails. */
export type Delivery =
  | { readonly type: 'batch'; readonly batch: BatchOptions }
  | { readonly type: 'blocking' }
  | { readonly type: 'blocking-strict' }

export interface DeliveryConfig {
  readonly delivery: Delivery
  readonly truncate: TruncateOptions | undefined
}

export interface AuditConfig {
  readonly policyFile: string
  readonly log: (DeliveryConfig & { readonly format: LogFormat; readonly file: RotationOptions }) | undefined
  readonly webhook: (DeliveryConfig & { readonly configFile: string; readonly initialBackoffMs: number }) | undefined
}

export type AuditFlags = FlagValues<typeof auditFlags>
type Plugin = 'log' | 'webhook'

const bytesPerMegabyte = 1024 * 1024

const refuse = (message: string): never => {
  throw new UsageError(message)
}

const batchOf = (flags: AuditFlags, plugin: Plugin): BatchOptions => {
  const bufferSize = flags[`audit-${plugin}-batch-buffer-size`]
  const maxBatchSize = flags[`audit-${plugin}-batch-max-size`]
  const qps = flags[`audit-${plugin}-batch-throttle-qps`]
  const burst = flags[`audit-${plugin}-batch-throttle-burst`]
  const positive = (what: string, value: number): void => {
    if (!(value > 0)) refuse(`invalid audit batch ${plugin} ${what} ${value}, must be a positive number`)
  }
  positive('buffer size', bufferSize)
  positive('max batch size', maxBatchSize)
  const throttled = flags[`audit-${plugin}-batch-throttle-enable`]
  if (throttled) {
    positive('throttle QPS', qps)
    positive('throttle burst', burst)
  }
  return {
    bufferSize,
    maxBatchSize,
    maxBatchWaitMs: flags[`audit-${plugin}-batch-max-wait`],
    throttle: throttled ? { qps, burst } : undefined,
    concurrent: plugin === 'webhook',
  }
}

const deliveryOf = (flags: AuditFlags, plugin: Plugin): Delivery => {
  const type = flags[`audit-${plugin}-mode`]
  switch (type) {
    case 'batch':
      return { type, batch: batchOf(flags, plugin) }
    case 'blocking':
    case 'blocking-strict':
      return { type }
    default:
      return refuse(`invalid audit ${plugin} mode ${type}, allowed modes are "batch,blocking,blocking-strict"`)
  }
}

const truncateOf = (flags: AuditFlags, plugin: Plugin): TruncateOptions | undefined => {
  const maxEventBytes = flags[`audit-${plugin}-truncate-max-event-size`]
  const maxBatchBytes = flags[`audit-${plugin}-truncate-max-batch-size`]
  const what = `invalid audit truncate ${plugin} max`
  if (maxEventBytes <= 0) refuse(`${what} event size ${maxEventBytes}, must be a positive number`)
  if (maxBatchBytes < maxEventBytes) {
    refuse(`${what} batch size ${maxBatchBytes}, must be greater than max event size (${maxEventBytes})`)
  }
  return flags[`audit-${plugin}-truncate-enabled`] ? { maxEventBytes, maxBatchBytes } : undefined
}

const deliveryConfig = (flags: AuditFlags, plugin: Plugin): DeliveryConfig => {
  const delivery = deliveryOf(flags, plugin)
  const truncate = truncateOf(flags, plugin)
  if (flags[`audit-${plugin}-version`] !== apiVersion) {
    refuse(`invalid group version, allowed versions are [{"audit.k8s.io" "v1"}]`)
  }
  return { delivery, truncate }
}

const logConfig = (flags: AuditFlags): AuditConfig['log'] => {
  const path = flags['audit-log-path']
  if (path === '') return undefined
  const common = deliveryConfig(flags, 'log')
  const format = flags['audit-log-format']
  if (format !== 'json' && format !== 'legacy') {
    return refuse(`invalid audit log format ${format}, allowed formats are "legacy,json"`)
  }
  for (const name of ['audit-log-maxage', 'audit-log-maxbackup', 'audit-log-maxsize'] as const) {
    if (flags[name] < 0) refuse(`--${name} ${flags[name]} can't be a negative number`)
  }
  const file = {
    path,
    maxSizeBytes: flags['audit-log-maxsize'] * bytesPerMegabyte,
    maxBackups: flags['audit-log-maxbackup'],
    maxAgeDays: flags['audit-log-maxage'],
    compress: flags['audit-log-compress'],
  }
  return { ...common, format, file }
}

const webhookConfig = (flags: AuditFlags, initialBackoffMs: number): AuditConfig['webhook'] => {
  const configFile = flags['audit-webhook-config-file']
  return configFile === '' ? undefined : { ...deliveryConfig(flags, 'webhook'), configFile, initialBackoffMs }
}

/** undefined: nothing is audited. Both flags of the back-off are one upstream: `isSet` tells which was given. */
export const auditConfig = (flags: AuditFlags, isSet: (name: keyof AuditFlags) => boolean): AuditConfig | undefined => {
  const backoffFlag = isSet('audit-webhook-batch-initial-backoff')
    ? 'audit-webhook-batch-initial-backoff'
    : 'audit-webhook-initial-backoff'
  const log = logConfig(flags)
  const webhook = webhookConfig(flags, flags[backoffFlag])
  const policyFile = flags['audit-policy-file']
  return policyFile === '' ? undefined : { policyFile, log, webhook }
}
