import { defineKind } from '../kind.ts'
import type { LocalSubjectAccessReview } from '../types.ts'
import { validateLocalSubjectAccessReview } from './validation.ts'

export const localSubjectAccessReviewKind = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  scope: 'Namespaced',
  verbs: ['create'],
  virtual: true,
  validate: validateLocalSubjectAccessReview,
})
