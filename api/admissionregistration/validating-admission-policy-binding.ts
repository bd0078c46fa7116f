import { defineKind } from '../kind.ts'
import type { ValidatingAdmissionPolicyBinding } from '../types.ts'

export const validatingAdmissionPolicyBindingKind = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
