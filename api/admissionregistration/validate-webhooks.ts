/** Webhook configurations. Upstream: pkg/apis/admissionregistration/validation */
import { absent, oneOf, syntax, validateLabelSelector } from '../meta/checks.ts'
import { child, duplicate, type FieldError, invalid, required } from '../meta/field-error.ts'
import { isDns1123Subdomain } from '../meta/names.ts'
import { validateWebhookClientConfig } from '../meta/webhook-client-config.ts'
import { admissionEnvironment } from '../cel/admission-environment.ts'
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../types.ts'
import { failurePolicies, matchPolicies, validateMatchConditions, validateRule, type Webhook } from './match-rules.ts'

const maxTimeoutSeconds = 30
const environment = () => admissionEnvironment({ hasParams: false, hasAuthorizer: true })

/** At least three parts: `name.example.com`. */
const validateQualifiedWebhookName = (name: string | undefined, path: string): FieldError[] => {
  if (absent(name)) return [required(path)]
  const errors = syntax(path, name ?? '', isDns1123Subdomain)
  return errors.length === 0 && (name ?? '').split('.').length < 3
    ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
    : errors
}

const validateWebhook = (webhook: Webhook, path: string): FieldError[] => {
  const errors = validateQualifiedWebhookName(webhook.name, child(path, 'name'))
  const versions = webhook.admissionReviewVersions ?? []
  const versionsPath = child(path, 'admissionReviewVersions')
  if (versions.length === 0) {
    errors.push(required(versionsPath, 'must specify one of v1, v1beta1'))
  } else if (!versions.some((version) => version === 'v1' || version === 'v1beta1')) {
    errors.push(invalid(versionsPath, versions, 'must include at least one of v1, v1beta1'))
  }
  for (const [index, rule] of (webhook.rules ?? []).entries())
    errors.push(...validateRule(rule, child(path, 'rules', index)))
  errors.push(
    ...oneOf(child(path, 'failurePolicy'), webhook.failurePolicy, failurePolicies),
    ...oneOf(child(path, 'matchPolicy'), webhook.matchPolicy, matchPolicies),
  )
  if (absent(webhook.sideEffects))
    errors.push(required(child(path, 'sideEffects'), 'must specify one of None, NoneOnDryRun'))
  else errors.push(...oneOf(child(path, 'sideEffects'), webhook.sideEffects, ['None', 'NoneOnDryRun']))
  const timeout = webhook.timeoutSeconds
  if (timeout !== undefined && (timeout < 1 || timeout > maxTimeoutSeconds)) {
    errors.push(invalid(child(path, 'timeoutSeconds'), timeout, 'the timeout value must be between 1 and 30 seconds'))
  }
  return [
    ...errors,
    ...validateLabelSelector(webhook.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, child(path, 'objectSelector')),
    ...validateWebhookClientConfig(webhook.clientConfig, child(path, 'clientConfig')),
    ...validateMatchConditions(webhook.matchConditions, child(path, 'matchConditions'), environment),
  ]
}

const validateWebhooks = (webhooks: readonly Webhook[] | undefined): FieldError[] => {
  const names = new Set<string>()
  return (webhooks ?? []).flatMap((webhook, index) => {
    const at = child('webhooks', index)
    const errors = validateWebhook(webhook, at)
    if (names.has(webhook.name)) errors.push(duplicate(child(at, 'name'), webhook.name))
    names.add(webhook.name)
    return errors
  })
}

export const validateValidatingWebhooks = ({ webhooks }: ValidatingWebhookConfiguration): FieldError[] =>
  validateWebhooks(webhooks)

export const validateMutatingWebhooks = ({ webhooks }: MutatingWebhookConfiguration): FieldError[] => [
  ...validateWebhooks(webhooks),
  ...(webhooks ?? []).flatMap((webhook, index) =>
    oneOf(child('webhooks', index, 'reinvocationPolicy'), webhook.reinvocationPolicy, ['Never', 'IfNeeded']),
  ),
]
