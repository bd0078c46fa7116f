import { validateDaemonSetStatusUpdate } from './validate-status.ts'
import { warnOfTemplate } from '../core/warnings/pod.ts'
import { setPodTemplateDefaults } from '../core/pod-spec/defaults.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, labelsOrNone, nameColumn, selectorColumn, templateColumns } from '../printers/columns.ts'
import { missingSpec, serverStatus } from '../strategy.ts'
import type { DaemonSet } from '../types.ts'
import { validateDaemonSet, validateDaemonSetUpdate } from './validation.ts'

const emptyStatus = () => ({
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
})

const setDefaults = (daemonSet: DaemonSet): void => {
  const spec = (daemonSet.spec ??= missingSpec<DaemonSet>())
  setPodTemplateDefaults(spec)
  const strategy = (spec.updateStrategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {}
    strategy.rollingUpdate.maxUnavailable ??= 1
    strategy.rollingUpdate.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= 10
  daemonSet.status ??= emptyStatus()
}

export const daemonSetKind = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  scope: 'Namespaced',
  shortNames: ['ds'],
  categories: ['all'],
  subresources: ['status'],
  hasGeneration: true,
  setDefaults,
  ...serverStatus<DaemonSet>(emptyStatus),
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  validateStatusUpdate: validateDaemonSetStatusUpdate,
  warnings: warnOfTemplate<DaemonSet>('spec.template', ({ spec }) => spec?.template),
  columns: [
    nameColumn,
    column(
      'Desired',
      'Nodes that should run a Pod of it.',
      ({ status }) => status?.desiredNumberScheduled ?? 0,
      'integer',
    ),
    column('Current', 'Nodes that run one.', ({ status }) => status?.currentNumberScheduled ?? 0, 'integer'),
    column('Ready', 'Nodes where it is ready.', ({ status }) => status?.numberReady ?? 0, 'integer'),
    column(
      'Up-to-date',
      'Nodes with the current template.',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
      'integer',
    ),
    column('Available', 'Nodes where it is available.', ({ status }) => status?.numberAvailable ?? 0, 'integer'),
    column('Node Selector', 'Which nodes it wants.', ({ spec }) => labelsOrNone(spec?.template.spec?.nodeSelector)),
    ageColumn,
    ...templateColumns<DaemonSet>(({ spec }) => spec?.template),
    selectorColumn<DaemonSet>(({ spec }) => spec?.selector),
  ],
})
