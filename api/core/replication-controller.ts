import { validateReplicaSetStatusUpdate } from '../apps/validate-status.ts'
import { warnOfNameAndTemplate } from './warnings/pod.ts'
import { defineKind } from '../kind.ts'
import { formatLabels } from '../meta/labels.ts'
import { ageColumn, column, labelsOrNone, nameColumn, templateColumns, wideColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { ReplicationController } from '../types.ts'
import { setPodTemplateDefaults } from './pod-spec/defaults.ts'
import { validateReplicationController } from './validation.ts'

/** Selector and labels come from the template where they are not given. */
const setDefaults = (controller: ReplicationController): void => {
  const spec = (controller.spec ??= {})
  const metadata = (controller.metadata ??= {})
  if (spec.template !== undefined) {
    const labels = setPodTemplateDefaults({ template: spec.template }).metadata?.labels
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
      if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
    }
  }
  spec.replicas ??= 1
  controller.status ??= { replicas: 0 }
}

export const replicationControllerKind = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  scope: 'Namespaced',
  shortNames: ['rc'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
  defaultGarbageCollection: 'orphan',
  selectableFields: { 'status.replicas': (controller) => String(controller.status?.replicas ?? 0) },
  setDefaults,
  ...serverStatus<ReplicationController>(() => ({ replicas: 0 })),
  scale: {
    getSpecReplicas: ({ spec }) => spec?.replicas ?? 0,
    setSpecReplicas: (controller, replicas) => {
      controller.spec = { ...controller.spec, replicas }
    },
    getStatusReplicas: ({ status }) => status?.replicas ?? 0,
    getSelector: ({ spec }) => formatLabels(spec?.selector),
  },
  validate: validateReplicationController,
  validateStatusUpdate: validateReplicaSetStatusUpdate,
  warnings: warnOfNameAndTemplate<ReplicationController>('spec.template', ({ spec }) => spec?.template),
  columns: [
    nameColumn,
    column('Desired', 'Replicas wanted.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
    column('Current', 'Replicas there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', 'Replicas that are ready.', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns<ReplicationController>(({ spec }) => spec?.template),
    wideColumn('Selector', 'Which Pods belong to it.', ({ spec }) => labelsOrNone(spec?.selector)),
  ],
})
