import { nodeSelectorWarnings } from '../core/warnings/node-labels.ts'
import { roundUpToMilli } from '../core/pod-spec/defaults.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { RuntimeClass } from '../types.ts'
import { validateRuntimeClass, validateRuntimeClassUpdate } from './validation.ts'

export const runtimeClassKind = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
  allowUnconditionalUpdate: false,
  setDefaults: ({ overhead }) => roundUpToMilli(overhead?.podFixed),
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
  warnings: ({ scheduling }) => nodeSelectorWarnings(scheduling?.nodeSelector, () => 'scheduling.nodeSelector'),
  columns: [
    nameColumn,
    column('Handler', 'Name of the handler in the container runtime.', ({ handler }) => handler),
    ageColumn,
  ],
})
