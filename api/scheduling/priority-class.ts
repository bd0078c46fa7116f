import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { PriorityClass } from '../types.ts'
import { validatePriorityClass, validatePriorityClassUpdate } from './validation.ts'

export const priorityClassKind = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  scope: 'Cluster',
  shortNames: ['pc'],
  hasGeneration: true,
  setDefaults: (priorityClass) => {
    // A bare number on the wire: absent means 0.
    priorityClass.value ??= 0
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority'
  },
  validate: validatePriorityClass,
  validateUpdate: validatePriorityClassUpdate,
  columns: [
    nameColumn,
    column('Value', 'Priority of Pods of this class.', ({ value }) => value ?? 0, 'integer'),
    column(
      'Global-Default',
      'Whether Pods without a class get this one.',
      (priorityClass) => priorityClass.globalDefault ?? false,
      'boolean',
    ),
    ageColumn,
    column(
      'PreemptionPolicy',
      'Whether its Pods may displace others.',
      (priorityClass) => priorityClass.preemptionPolicy ?? '',
    ),
  ],
})
