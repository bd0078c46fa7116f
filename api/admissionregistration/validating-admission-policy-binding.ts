import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { ValidatingAdmissionPolicyBinding } from '../types.ts'
import { paramRefText } from './columns.ts'
import { setMatchResourcesDefaults } from './match-defaults.ts'
import { validateValidatingAdmissionPolicyBinding } from './validate-bindings.ts'

export const validatingAdmissionPolicyBindingKind = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: ({ spec }) => setMatchResourcesDefaults(spec?.matchResources),
  validate: validateValidatingAdmissionPolicyBinding,
  columns: [
    nameColumn,
    column('PolicyName', 'Policy that is bound.', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', 'Parameters that it gets.', ({ spec }) => paramRefText(spec?.paramRef)),
    ageColumn,
  ],
})
