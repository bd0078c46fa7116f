import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { ValidatingAdmissionPolicy } from '../types.ts'
import { paramKindText } from './columns.ts'
import { setMatchResourcesDefaults } from './match-defaults.ts'
import { validateValidatingAdmissionPolicy } from './validate-policies.ts'

export const validatingAdmissionPolicyKind = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: (policy) => {
    const spec = (policy.spec ??= {})
    spec.failurePolicy ??= 'Fail'
    setMatchResourcesDefaults(spec.matchConstraints)
    policy.status ??= {}
  },
  ...serverStatus<ValidatingAdmissionPolicy>(() => ({})),
  validate: validateValidatingAdmissionPolicy,
  columns: [
    nameColumn,
    column('Validations', 'Number of validations.', ({ spec }) => (spec?.validations ?? []).length, 'integer'),
    column('ParamKind', 'Kind of its parameters.', ({ spec }) => paramKindText(spec?.paramKind)),
    ageColumn,
  ],
})
