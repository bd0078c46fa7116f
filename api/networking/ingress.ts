import { validateIngressPoints } from '../meta/load-balancer.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { Ingress } from '../types.ts'
import { validateIngress } from './validation.ts'

const setDefaults = (ingress: Ingress): void => {
  ingress.spec ??= {}
  ingress.status ??= {}
  ingress.status.loadBalancer ??= {}
}

const maxHosts = 3

const hosts = ({ spec }: Ingress): string => {
  const named = (spec?.rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '')
  if (named.length === 0) return '*'
  const shown = named.slice(0, maxHosts).join(',')
  return named.length > maxHosts ? `${shown} + ${named.length - maxHosts} more...` : shown
}

const address = ({ status }: Ingress): string => {
  const balanced = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => textOr(ip, hostname ?? ''))
  return [...new Set(balanced)].sort().join(',')
}

const classAnnotation = 'kubernetes.io/ingress.class'

const warnings = ({ metadata }: Ingress): readonly string[] =>
  metadata?.annotations?.[classAnnotation] === undefined
    ? []
    : [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]

export const ingressKind = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  scope: 'Namespaced',
  shortNames: ['ing'],
  subresources: ['status'],
  hasGeneration: true,
  setDefaults,
  ...serverStatus<Ingress>(() => ({ loadBalancer: {} })),
  validate: validateIngress,
  validateStatusUpdate: ({ status }) => validateIngressPoints(status?.loadBalancer?.ingress),
  warnings,
  columns: [
    nameColumn,
    column('Class', 'Who implements it.', ({ spec }) => textOr(spec?.ingressClassName, '<none>')),
    column('Hosts', 'Hosts that its rules name.', hosts),
    column('Address', 'Addresses of the load balancer.', address),
    column('Ports', 'Ports that are open.', ({ spec }) => ((spec?.tls ?? []).length === 0 ? '80' : '80, 443')),
    ageColumn,
  ],
})
