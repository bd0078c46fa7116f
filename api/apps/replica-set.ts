import { warnOfNameAndTemplate } from '../core/warnings/pod.ts'
import { setPodTemplateDefaults } from '../core/pod-spec/defaults.ts'
import { defineKind } from '../kind.ts'
import { labelSelectorString } from '../meta/labels.ts'
import { ageColumn, column, nameColumn, selectorColumn, templateColumns } from '../printers/columns.ts'
import { missingSpec, serverStatus } from '../strategy.ts'
import type { ReplicaSet } from '../types.ts'
import { validateReplicaSetStatusUpdate } from './validate-status.ts'
import { validateReplicaSet, validateReplicaSetUpdate } from './validation.ts'

const setDefaults = (replicaSet: ReplicaSet): void => {
  const spec = (replicaSet.spec ??= missingSpec<ReplicaSet>())
  setPodTemplateDefaults(spec)
  spec.replicas ??= 1
  replicaSet.status ??= { replicas: 0 }
}

export const replicaSetKind = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  scope: 'Namespaced',
  shortNames: ['rs'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
  setDefaults,
  ...serverStatus<ReplicaSet>(() => ({ replicas: 0 })),
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  validateStatusUpdate: validateReplicaSetStatusUpdate,
  scale: {
    getSpecReplicas: ({ spec }) => spec?.replicas ?? 0,
    setSpecReplicas: (replicaSet, replicas) => {
      if (replicaSet.spec !== undefined) replicaSet.spec.replicas = replicas
    },
    getStatusReplicas: ({ status }) => status?.replicas ?? 0,
    getSelector: ({ spec }) => labelSelectorString(spec?.selector),
  },
  warnings: warnOfNameAndTemplate<ReplicaSet>('spec.template', ({ spec }) => spec?.template),
  columns: [
    nameColumn,
    column('Desired', 'Replicas wanted.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
    column('Current', 'Replicas there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', 'Replicas that are ready.', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns<ReplicaSet>(({ spec }) => spec?.template),
    selectorColumn<ReplicaSet>(({ spec }) => spec?.selector),
  ],
})
