import { child } from '../meta/field-error.ts'
import { cidrWarnings } from '../meta/ip-warnings.ts'
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

type Peers = NonNullable<NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>[number]['from']>

const peerWarnings = (peers: Peers | undefined, path: string): string[] =>
  (peers ?? []).flatMap(({ ipBlock }, index) => {
    if (ipBlock === undefined) return []
    const at = child(path, index, 'ipBlock')
    return [
      ...cidrWarnings(child(at, 'cidr'), ipBlock.cidr ?? ''),
      ...(ipBlock.except ?? []).flatMap((except, i) => cidrWarnings(child(at, 'except', i), except)),
    ]
  })

const warnings = ({ spec }: NetworkPolicy): readonly string[] => [
  ...(spec?.ingress ?? []).flatMap(({ from }, index) => peerWarnings(from, child('spec.ingress', index, 'from'))),
  ...(spec?.egress ?? []).flatMap(({ to }, index) => peerWarnings(to, child('spec.egress', index, 'to'))),
]

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
  warnings,
  columns: [
    nameColumn,
    column('Pod-Selector', 'Which Pods it is about.', ({ spec }) => formatSelector(spec?.podSelector)),
    ageColumn,
  ],
})
