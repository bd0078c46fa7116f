import { defineKind } from '../kind.ts'
import type { Ingress } from '../types.ts'

export const ingressKind = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  scope: 'Namespaced',
  shortNames: ['ing'],
  subresources: ['status'],
  hasGeneration: true,
})
