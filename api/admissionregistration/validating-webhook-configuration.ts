import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { ValidatingWebhookConfiguration } from '../types.ts'
import { setWebhookDefaults } from './match-defaults.ts'
import { validateValidatingWebhooks } from './validate-webhooks.ts'

export const validatingWebhookConfigurationKind = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) setWebhookDefaults(webhook)
  },
  validate: validateValidatingWebhooks,
  columns: [
    nameColumn,
    column('Webhooks', 'Number of webhooks.', ({ webhooks }) => (webhooks ?? []).length, 'integer'),
    ageColumn,
  ],
})
