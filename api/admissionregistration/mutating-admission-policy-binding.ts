import { defineKind } from '../kind.ts'
import type { MutatingAdmissionPolicyBinding } from '../types.ts'

export const mutatingAdmissionPolicyBindingKind = defineKind<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
