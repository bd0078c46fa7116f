/** Puts auditing together: the policy, the backends, and what a request gets of them. */
import type { Registry } from '../../component-base/metrics/prometheus.ts'
import { type Clock, realClock } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { HttpContext } from '../server/context.ts'
import { createWebhook } from '../webhook/webhook.ts'
import { type AuditBackend, createLossReporter, ignoringErrors, type ReportLoss, unionBackend } from './backend.ts'
import { buffered } from './buffered.ts'
import type { AuditConfig, DeliveryConfig } from './config.ts'
import { createLogBackend, standardOutput } from './log-backend.ts'
import { type AuditMetrics, createAuditMetrics } from './metrics.ts'
import { createPolicyEvaluator, type Policy } from './policy.ts'
import { loadPolicyFile } from './policy-file.ts'
import { RequestAudit } from './request-audit.ts'
import { ensureLogFile, RotatingFile } from './rotating-file.ts'
import { truncating } from './truncate.ts'
import { createWebhookBackend } from './webhook-backend.ts'

export interface Auditor {
  /** What will be recorded of a request; undefined if nothing is. `user` is undefined if nobody was made out. */
  begin(ctx: HttpContext, user: UserInfo | undefined): RequestAudit | undefined
  /** A request could not be served because its event could not be stored. */
  rejected(): void
  /** Writes all that waits. */
  close(): Promise<void>
}

export interface AuditorDependencies {
  readonly registry: Registry
  readonly log: Logger
  readonly clock?: Clock
}

export const auditorOf = (policy: Policy, backend: AuditBackend, metrics: AuditMetrics): Auditor => {
  const evaluate = createPolicyEvaluator(policy)
  const sink = (event: Parameters<AuditBackend['process']>[0][number]) => {
    metrics.event()
    return backend.process([event])
  }
  return {
    begin: (ctx, user) => {
      const recording = evaluate(user, ctx.info)
      metrics.level(recording.level)
      return recording.level === 'None' ? undefined : new RequestAudit(ctx, user, recording, sink)
    },
    rejected: () => metrics.rejected(),
    close: () => backend.close(),
  }
}

/** Throws UsageError if a file of the configuration is of no use; undefined where events would go nowhere. */
export const createAuditor = (config: AuditConfig, deps: AuditorDependencies): Auditor | undefined => {
  const { registry, log, clock = realClock } = deps
  const policy = readPolicy(config.policyFile, log)
  const metrics = createAuditMetrics(registry)
  const reportLoss = createLossReporter(metrics, log)
  const backends = [...logBackends(config, reportLoss, clock, log), ...webhookBackends(config, reportLoss, clock)]
  return backends.length === 0 ? undefined : auditorOf(policy, unionBackend(backends), metrics)
}

const readPolicy = (path: string, log: Logger): Policy => {
  try {
    const { policy, problems } = loadPolicyFile(path)
    if (problems.length > 0) {
      log.warn({ path, problems }, 'audit policy contains errors, falling back to lenient decoding')
    }
    return policy
  } catch (error) {
    throw new UsageError(`loading audit policy file: ${(error as Error).message}`)
  }
}

/** Truncating stands outside of the buffer, as upstream: a batch is bounded as events come. */
const delivered = (
  backend: AuditBackend,
  { delivery, truncate }: DeliveryConfig,
  reportLoss: ReportLoss,
  clock: Clock,
): AuditBackend => {
  const wrapped =
    delivery.type === 'batch'
      ? buffered(backend, delivery.batch, reportLoss, clock)
      : delivery.type === 'blocking'
        ? ignoringErrors(backend)
        : backend
  return truncate === undefined ? wrapped : truncating(wrapped, truncate, reportLoss)
}

const logBackends = (
  { log: config }: AuditConfig,
  reportLoss: ReportLoss,
  clock: Clock,
  log: Logger,
): AuditBackend[] => {
  if (config === undefined) return []
  const { path } = config.file
  if (path !== '-') openLog(path)
  const writer = path === '-' ? standardOutput : new RotatingFile(config.file, clock, log)
  return [delivered(createLogBackend(writer, config.format, reportLoss), config, reportLoss, clock)]
}

const openLog = (path: string): void => {
  try {
    ensureLogFile(path)
  } catch (error) {
    throw new UsageError(`ensureLogFile: ${(error as Error).message}`)
  }
}

const webhookBackends = ({ webhook: config }: AuditConfig, reportLoss: ReportLoss, clock: Clock): AuditBackend[] => {
  if (config === undefined) return []
  try {
    const webhook = createWebhook(loadKubeconfig(config.configFile), 'kube-apiserver')
    return [delivered(createWebhookBackend(webhook, config.initialBackoffMs, reportLoss), config, reportLoss, clock)]
  } catch (error) {
    throw new UsageError(`initializing audit webhook: ${(error as Error).message}`)
  }
}
