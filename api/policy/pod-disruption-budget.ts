import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { PodDisruptionBudget } from '../types.ts'
import { validatePodDisruptionBudget, validatePodDisruptionBudgetStatusUpdate } from './validation.ts'

const emptyStatus = () => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 })

const bound = (value: string | number | undefined): string => (value === undefined ? 'N/A' : String(value))

export const podDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  scope: 'Namespaced',
  shortNames: ['pdb'],
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: (budget) => {
    budget.spec ??= {}
    budget.status ??= emptyStatus()
  },
  ...serverStatus<PodDisruptionBudget>(emptyStatus),
  validate: validatePodDisruptionBudget,
  validateStatusUpdate: validatePodDisruptionBudgetStatusUpdate,
  columns: [
    nameColumn,
    column('Min Available', 'Pods that must stay available.', ({ spec }) => bound(spec?.minAvailable)),
    column('Max Unavailable', 'Pods that may be unavailable.', ({ spec }) => bound(spec?.maxUnavailable)),
    column('Allowed Disruptions', 'Pods that may go now.', ({ status }) => status?.disruptionsAllowed ?? 0, 'integer'),
    ageColumn,
  ],
})
