import { defineKind } from '../kind.ts'
import type { SubjectAccessReview } from '../types.ts'
import { validateSubjectAccessReview } from './validation.ts'

export const subjectAccessReviewKind = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  virtual: true,
  validate: validateSubjectAccessReview,
})
