/**
 * The configured authorizers, in order; those of a file are made anew when it changes.
 * Upstream: pkg/kubeapiserver/authorizer
 */
import { readFileSync } from 'node:fs'
import { inClusterConfig, loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { watchFiles } from '../../component-base/tls/tls-files.ts'
import { systemMasters } from '../authentication/user.ts'
import type { Resources } from '../registry/resources.ts'
import { createWebhook, type Webhook } from '../webhook/webhook.ts'
import { abacAuthorizer } from './abac-policy.ts'
import { alwaysAllow, alwaysDeny, type Authorizer, privilegedGroups, unionAuthorizer } from './authorizer.ts'
import type { PolicyGates } from './bootstrap-policy/rule.ts'
import type { AuthorizationConfig } from './config.ts'
import type { AuthorizerConfigs, WebhookAuthorizerConfig } from './configuration.ts'
import { parseAuthorizationConfiguration } from './configuration-file.ts'
import type { AuthorizationMetrics } from './metrics.ts'
import { createNodeAuthorizer } from './node.ts'
import { createRbacAuthorizer, type RbacAuthorizer } from './rbac.ts'
import { createRulesResolver, type RulesResolver } from './rules.ts'
import { webhookAuthorizer } from './webhook-authorizer.ts'

export interface Authorization {
  readonly authorizer: Authorizer
  readonly rules: RulesResolver
  /** Knows rules whether or not RBAC is among the authorizers. */
  readonly rbac: RbacAuthorizer
}

export interface AuthorizationDependencies {
  readonly resources: Resources
  readonly gates: PolicyGates
  readonly metrics: AuthorizationMetrics
  readonly log: Logger
  readonly signal: AbortSignal
}

interface Chain {
  readonly configs: AuthorizerConfigs
  readonly authorizer: Authorizer
  close(): void
}

const counted = (authorizer: Authorizer, count: (decision: 'allow' | 'deny') => void): Authorizer => ({
  authorize: (attributes) => {
    const decision = authorizer.authorize(attributes)
    if (decision instanceof Promise) {
      return decision.then((made) => {
        if (made.type !== 'no-opinion') count(made.type)
        return made
      })
    }
    if (decision.type !== 'no-opinion') count(decision.type)
    return decision
  },
})

const connect = ({ connection, timeoutMs }: WebhookAuthorizerConfig): Webhook =>
  createWebhook(
    connection.type === 'KubeConfigFile' ? loadKubeconfig(connection.path) : inClusterConfig(),
    'kube-apiserver',
    timeoutMs,
  )

/** Throws UsageError for a webhook that cannot be reached by its configuration. */
export const buildAuthorization = (
  { authorizers, file, abac }: AuthorizationConfig,
  { resources, gates, metrics, log, signal }: AuthorizationDependencies,
): Authorization => {
  const rbac = createRbacAuthorizer(resources)
  const node = createNodeAuthorizer(resources, gates)
  const abacPolicies = abacAuthorizer(abac)
  const started = new Set(authorizers.map(({ type }) => type))

  const chainOf = (configs: AuthorizerConfigs): Chain => {
    const webhooks: Webhook[] = []
    const made = configs.map((config): Authorizer => {
      switch (config.type) {
        case 'AlwaysAllow':
          return alwaysAllow
        case 'AlwaysDeny':
          return alwaysDeny
        case 'ABAC':
          return abacPolicies
        case 'Node':
          return node
        case 'RBAC':
          return rbac
        case 'Webhook': {
          const webhook = connect(config.webhook)
          webhooks.push(webhook)
          return webhookAuthorizer(config.webhook, { webhook, metrics: metrics.webhook(config.name), log })
        }
      }
    })
    const all = made.map((authorizer, index) => {
      const { type = '', name = '' } = configs[index] ?? {}
      return counted(authorizer, metrics.decisions(type, name))
    })
    return {
      configs,
      authorizer: unionAuthorizer([privilegedGroups(systemMasters), ...all]),
      close: () => {
        for (const webhook of webhooks) webhook.close()
      },
    }
  }

  let current: Chain
  try {
    current = chainOf(authorizers)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  signal.addEventListener('abort', () => current.close(), { once: true })
  if (file !== undefined) {
    metrics.configLoaded(file.text)
    let last = file.text
    const reload = (): void => {
      const text = readFileSync(file.path, 'utf8')
      if (text === last) return
      last = text
      const configs = parseAuthorizationConfiguration(text, [...started])
      const added = configs.find(
        ({ type }) => (type === 'Node' || type === 'RBAC' || type === 'ABAC') && !started.has(type),
      )
      if (added !== undefined) {
        throw new Error(`authorizer type ${added.type} is not allowed if it was not enabled at initial server startup`)
      }
      const old = current
      current = chainOf(configs)
      old.close()
      metrics.reloaded(text)
      log.info({ path: file.path }, 'reloaded authz config')
    }
    const look = (): void => {
      try {
        reload()
      } catch (err) {
        metrics.reloaded(undefined)
        log.error({ err, path: file.path }, 'reloading authorization config')
      }
    }
    watchFiles([file.path], look, { signal })
  }
  return {
    authorizer: { authorize: (attributes) => current.authorizer.authorize(attributes) },
    rules: createRulesResolver(() => current.configs, rbac, abac),
    rbac,
  }
}
