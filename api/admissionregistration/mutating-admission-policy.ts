import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { MutatingAdmissionPolicy } from '../types.ts'
import { paramKindText } from './columns.ts'
import { setMatchResourcesDefaults } from './match-defaults.ts'
import { validateMutatingAdmissionPolicy } from './validate-policies.ts'

export const mutatingAdmissionPolicyKind = defineKind<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: (policy) => {
    const spec = (policy.spec ??= {})
    spec.failurePolicy ??= 'Fail'
    setMatchResourcesDefaults(spec.matchConstraints)
  },
  validate: validateMutatingAdmissionPolicy,
  columns: [
    nameColumn,
    column('Mutations', 'Number of mutations.', ({ spec }) => (spec?.mutations ?? []).length, 'integer'),
    column('ParamKind', 'Kind of its parameters.', ({ spec }) => paramKindText(spec?.paramKind)),
    ageColumn,
  ],
})
