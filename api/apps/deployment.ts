import { warnOfNameAndTemplate } from '../core/warnings/pod.ts'
import { setPodTemplateDefaults } from '../core/pod-spec/defaults.ts'
import { defineKind } from '../kind.ts'
import { labelSelectorString } from '../meta/labels.ts'
import { ageColumn, column, nameColumn, selectorColumn, templateColumns } from '../printers/columns.ts'
import { missingSpec, serverStatus } from '../strategy.ts'
import type { Deployment } from '../types.ts'
import { validateDeploymentStatusUpdate } from './validate-status.ts'
import { validateDeployment, validateDeploymentUpdate } from './validation.ts'

const setDefaults = (deployment: Deployment): void => {
  const spec = (deployment.spec ??= missingSpec<Deployment>())
  setPodTemplateDefaults(spec)
  spec.replicas ??= 1
  const strategy = (spec.strategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {}
    strategy.rollingUpdate.maxUnavailable ??= '25%'
    strategy.rollingUpdate.maxSurge ??= '25%'
  }
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  deployment.status ??= {}
}

export const deploymentKind = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  scope: 'Namespaced',
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
  setDefaults,
  ...serverStatus<Deployment>(() => ({})),
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  validateStatusUpdate: validateDeploymentStatusUpdate,
  scale: {
    getSpecReplicas: ({ spec }) => spec?.replicas ?? 0,
    setSpecReplicas: (deployment, replicas) => {
      if (deployment.spec !== undefined) deployment.spec.replicas = replicas
    },
    getStatusReplicas: ({ status }) => status?.replicas ?? 0,
    getSelector: ({ spec }) => labelSelectorString(spec?.selector),
  },
  warnings: warnOfNameAndTemplate<Deployment>('spec.template', ({ spec }) => spec?.template),
  columns: [
    nameColumn,
    column(
      'Ready',
      'Ready replicas of those wanted.',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    column('Up-to-date', 'Replicas of the current template.', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', 'Replicas that are available.', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns<Deployment>(({ spec }) => spec?.template),
    selectorColumn<Deployment>(({ spec }) => spec?.selector),
  ],
})
