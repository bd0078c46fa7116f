import { validateStatefulSetStatusUpdate } from './validate-status.ts'
import { warnOfTemplate } from '../core/warnings/pod.ts'
import { claimSpecWarnings } from '../core/warnings/volumes.ts'
import { child } from '../meta/field-error.ts'
import { setPersistentVolumeClaimDefaults } from '../core/persistent-volume-claim.ts'
import { setPodTemplateDefaults } from '../core/pod-spec/defaults.ts'
import { defineKind } from '../kind.ts'
import { labelSelectorString } from '../meta/labels.ts'
import { ageColumn, column, nameColumn, templateColumns } from '../printers/columns.ts'
import { missingSpec, serverStatus } from '../strategy.ts'
import type { StatefulSet } from '../types.ts'
import { validateStatefulSet, validateStatefulSetUpdate } from './validation.ts'

const setDefaults = (statefulSet: StatefulSet): void => {
  const spec = (statefulSet.spec ??= missingSpec<StatefulSet>())
  setPodTemplateDefaults(spec)
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ||= 'v1'
    claim.kind ||= 'PersistentVolumeClaim'
    setPersistentVolumeClaimDefaults(claim)
  }
  spec.podManagementPolicy ||= 'OrderedReady'
  const strategy = (spec.updateStrategy ??= {})
  if ((strategy.type ?? '') === '') {
    strategy.type = 'RollingUpdate'
    strategy.rollingUpdate ??= {}
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate !== undefined) {
    strategy.rollingUpdate.partition ??= 0
  }
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {})
  retention.whenDeleted ||= 'Retain'
  retention.whenScaled ||= 'Retain'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  statefulSet.status ??= { replicas: 0, availableReplicas: 0 }
}

const templateWarnings = warnOfTemplate<StatefulSet>('spec.template', ({ spec }) => spec?.template)

const warnings = (statefulSet: StatefulSet, old: StatefulSet | undefined): readonly string[] => {
  const found = [...templateWarnings(statefulSet, old)]
  for (const [index, { spec }] of (statefulSet.spec?.volumeClaimTemplates ?? []).entries()) {
    found.push(...claimSpecWarnings(spec, child('spec.volumeClaimTemplates', index, 'Spec')))
  }
  if ((statefulSet.spec?.revisionHistoryLimit ?? 0) < 0) {
    found.push(
      'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
    )
  }
  return found
}

export const statefulSetKind = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  scope: 'Namespaced',
  shortNames: ['sts'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
  setDefaults,
  ...serverStatus<StatefulSet>(() => ({ replicas: 0, availableReplicas: 0 })),
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  validateStatusUpdate: validateStatefulSetStatusUpdate,
  warnings,
  scale: {
    getSpecReplicas: ({ spec }) => spec?.replicas ?? 0,
    setSpecReplicas: (statefulSet, replicas) => {
      if (statefulSet.spec !== undefined) statefulSet.spec.replicas = replicas
    },
    getStatusReplicas: ({ status }) => status?.replicas ?? 0,
    getSelector: ({ spec }) => labelSelectorString(spec?.selector),
  },
  columns: [
    nameColumn,
    column(
      'Ready',
      'Ready replicas of those wanted.',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>(({ spec }) => spec?.template),
  ],
})
