import { defineKind } from '../kind.ts'
import type { MutatingAdmissionPolicy } from '../types.ts'

export const mutatingAdmissionPolicyKind = defineKind<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  scope: 'Cluster',
  categories: ['api-extensions'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
