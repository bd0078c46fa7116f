import { defineKind } from '../kind.ts'
import type { IngressClass } from '../types.ts'

export const ingressClassKind = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  scope: 'Cluster',
  hasGeneration: true,
})
