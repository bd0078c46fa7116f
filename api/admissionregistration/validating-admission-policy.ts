import { defineKind } from '../kind.ts'
import type { ValidatingAdmissionPolicy } from '../types.ts'

export const validatingAdmissionPolicyKind = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  scope: 'Cluster',
  categories: ['api-extensions'],
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
