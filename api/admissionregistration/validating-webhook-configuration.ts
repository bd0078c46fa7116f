import { defineKind } from '../kind.ts'
import type { ValidatingWebhookConfiguration } from '../types.ts'

export const validatingWebhookConfigurationKind = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
