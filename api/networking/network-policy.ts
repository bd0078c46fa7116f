import { defineKind } from '../kind.ts'
import { ageColumn, column, formatSelector, nameColumn } from '../printers/columns.ts'
import type { NetworkPolicy } from '../types.ts'
import { validateNetworkPolicy } from './validation.ts'

/** A policy is about ingress, and about egress too if it has such rules. */
const setDefaults = (policy: NetworkPolicy): void => {
  const spec = (policy.spec ??= {})
  spec.podSelector ??= {}
  if ((spec.policyTypes ?? []).length === 0) {
    spec.policyTypes = (spec.egress ?? []).length === 0 ? ['Ingress'] : ['Ingress', 'Egress']
  }
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP'
  }
}

export const networkPolicyKind = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  scope: 'Namespaced',
  shortNames: ['netpol'],
  hasGeneration: true,
  setDefaults,
  validate: validateNetworkPolicy,
  columns: [
    nameColumn,
    column('Pod-Selector', 'Which Pods it is about.', ({ spec }) => formatSelector(spec?.podSelector)),
    ageColumn,
  ],
})
