import { defineKind } from '../kind.ts'
import { createdAtColumn, nameColumn } from '../printers/columns.ts'
import { keepField } from '../strategy.ts'
import type { CustomResourceDefinition } from '../types.ts'
import {
  validateCustomResourceDefinition,
  validateCustomResourceDefinitionCreate,
  validateCustomResourceDefinitionUpdate,
} from './validation.ts'

type Status = NonNullable<CustomResourceDefinition['status']>

const setDefaults = (definition: CustomResourceDefinition): void => {
  const spec = definition.spec
  if (spec === undefined) return
  const names = spec.names
  if (names !== undefined) {
    names.singular ||= (names.kind ?? '').toLowerCase()
    if ((names.kind ?? '') !== '') names.listKind ||= `${names.kind}List`
  }
  spec.conversion ??= { strategy: 'None' }
  const service = spec.conversion.webhook?.clientConfig?.service
  if (service !== undefined) service.port ??= 443
}

const storageVersion = ({ spec }: CustomResourceDefinition): string | undefined =>
  spec?.versions?.find(({ storage }) => storage)?.name

/** Versions ever written to the store; the current one is always among them. */
const withStorageVersion = (definition: CustomResourceDefinition, status: Status): Status => {
  const current = storageVersion(definition)
  const stored = status.storedVersions ?? []
  if (current === undefined || stored.includes(current)) return status
  return { ...status, storedVersions: [...stored, current] }
}

const emptyStatus = (): Status => ({ conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: [] })

export const customResourceDefinitionKind = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  looseFinalizers: true,
  scope: 'Cluster',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults,
  prepareForCreate: (definition) => {
    definition.status = withStorageVersion(definition, emptyStatus())
  },
  prepareForUpdate: (definition, old) => {
    keepField(definition, old, 'status')
    if (definition.status !== undefined) definition.status = withStorageVersion(definition, definition.status)
  },
  validate: validateCustomResourceDefinition,
  validateCreate: validateCustomResourceDefinitionCreate,
  validateUpdate: validateCustomResourceDefinitionUpdate,
  columns: [nameColumn, createdAtColumn],
})
