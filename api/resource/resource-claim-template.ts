import { defineKind } from '../kind.ts'
import { ageColumn, nameColumn } from '../printers/columns.ts'
import type { ResourceClaimTemplate } from '../types.ts'
import { setClaimSpecDefaults } from './device-requests.ts'
import { validateResourceClaimTemplate, validateResourceClaimTemplateUpdate } from './validation.ts'

export const resourceClaimTemplateKind = defineKind<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  scope: 'Namespaced',
  setDefaults: ({ spec }) => setClaimSpecDefaults(spec?.spec),
  validate: validateResourceClaimTemplate,
  validateUpdate: validateResourceClaimTemplateUpdate,
  columns: [nameColumn, ageColumn],
})
