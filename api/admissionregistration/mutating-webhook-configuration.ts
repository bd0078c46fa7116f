import { defineKind } from '../kind.ts'
import type { MutatingWebhookConfiguration } from '../types.ts'

export const mutatingWebhookConfigurationKind = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
