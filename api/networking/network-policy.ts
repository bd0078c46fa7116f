import { defineKind } from '../kind.ts'
import type { NetworkPolicy } from '../types.ts'

export const networkPolicyKind = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  scope: 'Namespaced',
  shortNames: ['netpol'],
  hasGeneration: true,
})
