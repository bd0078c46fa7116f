import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { IngressClass } from '../types.ts'
import { validateIngressClass, validateIngressClassUpdate } from './validation.ts'

const setDefaults = (ingressClass: IngressClass): void => {
  const parameters = ingressClass.spec?.parameters
  if (parameters !== undefined) parameters.scope ??= 'Cluster'
}

const parametersText = ({ spec }: IngressClass): string => {
  const parameters = spec?.parameters
  if (parameters === undefined) return '<none>'
  const group = parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`
  return `${parameters.kind}${group}/${parameters.name}`
}

export const ingressClassKind = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  scope: 'Cluster',
  hasGeneration: true,
  setDefaults,
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
  columns: [
    nameColumn,
    column('Controller', 'Controller of this class.', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', 'Object with further configuration.', parametersText),
    ageColumn,
  ],
})
