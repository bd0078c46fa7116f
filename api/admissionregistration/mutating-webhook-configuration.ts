import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { MutatingWebhookConfiguration } from '../types.ts'
import { setWebhookDefaults } from './match-defaults.ts'
import { validateMutatingWebhooks } from './validate-webhooks.ts'

export const mutatingWebhookConfigurationKind = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) {
      setWebhookDefaults(webhook)
      webhook.reinvocationPolicy ??= 'Never'
    }
  },
  validate: validateMutatingWebhooks,
  columns: [
    nameColumn,
    column('Webhooks', 'Number of webhooks.', ({ webhooks }) => (webhooks ?? []).length, 'integer'),
    ageColumn,
  ],
})
