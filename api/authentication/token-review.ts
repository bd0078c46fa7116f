import { defineKind } from '../kind.ts'
import type { TokenReview } from '../types.ts'

export const tokenReviewKind = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  scope: 'Cluster',
  verbs: ['create'],
  virtual: true,
})
