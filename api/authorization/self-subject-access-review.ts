import { defineKind } from '../kind.ts'
import type { SelfSubjectAccessReview } from '../types.ts'
import { validateSelfSubjectAccessReview } from './validation.ts'

export const selfSubjectAccessReviewKind = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  virtual: true,
  validate: validateSelfSubjectAccessReview,
})
