/** Defaults that webhooks and policies share. Upstream: pkg/apis/admissionregistration/v1/defaults.go. */
import type {
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingWebhookConfiguration,
} from '../types.ts'

type Webhook =
  | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number]
  | NonNullable<MutatingWebhookConfiguration['webhooks']>[number]
type MatchResources = NonNullable<NonNullable<ValidatingAdmissionPolicy['spec']>['matchConstraints']>

interface Rule {
  scope?: string
}

const setRuleDefaults = (rules: readonly Rule[] | undefined): void => {
  for (const rule of rules ?? []) rule.scope ??= '*'
}

export const setWebhookDefaults = (webhook: Webhook): void => {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= 10
  const service = webhook.clientConfig?.service
  if (service !== undefined) service.port ??= 443
  setRuleDefaults(webhook.rules)
}

export const setMatchResourcesDefaults = (match: MatchResources | undefined): void => {
  if (match === undefined) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  setRuleDefaults(match.resourceRules)
  setRuleDefaults(match.excludeResourceRules)
}
