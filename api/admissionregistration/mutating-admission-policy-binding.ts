import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { MutatingAdmissionPolicyBinding } from '../types.ts'
import { paramRefText } from './columns.ts'
import { setMatchResourcesDefaults } from './match-defaults.ts'
import { validateMutatingAdmissionPolicyBinding } from './validate-bindings.ts'

export const mutatingAdmissionPolicyBindingKind = defineKind<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: ({ spec }) => setMatchResourcesDefaults(spec?.matchResources),
  validate: validateMutatingAdmissionPolicyBinding,
  columns: [
    nameColumn,
    column('PolicyName', 'Policy that is bound.', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', 'Parameters that it gets.', ({ spec }) => paramRefText(spec?.paramRef)),
    ageColumn,
  ],
})
