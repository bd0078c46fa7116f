import { validateConditionTypes } from '../meta/checks.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { PriorityLevelConfiguration } from '../types.ts'
import { validatePriorityLevel } from './validation.ts'

const setDefaults = (level: PriorityLevelConfiguration): void => {
  const { exempt, limited } = level.spec ?? {}
  if (exempt !== undefined) {
    exempt.nominalConcurrencyShares ??= 0
    exempt.lendablePercent ??= 0
  }
  if (limited !== undefined) {
    limited.nominalConcurrencyShares ??= 30
    limited.lendablePercent ??= 0
    const queuing = limited.limitResponse?.queuing
    if (queuing !== undefined) {
      queuing.handSize ||= 8
      queuing.queues ||= 64
      queuing.queueLengthLimit ||= 50
    }
  }
  level.status ??= {}
}

const queuingOf = ({ spec }: PriorityLevelConfiguration) => spec?.limited?.limitResponse?.queuing

const numberOrNone = (value: number | undefined): string | number => value ?? '<none>'

export const priorityLevelConfigurationKind = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  scope: 'Cluster',
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults,
  ...serverStatus<PriorityLevelConfiguration>(() => ({})),
  validate: validatePriorityLevel,
  validateStatusUpdate: ({ status }) => validateConditionTypes(status?.conditions),
  columns: [
    nameColumn,
    column('Type', 'Limited or Exempt.', ({ spec }) => spec?.type ?? ''),
    column('NominalConcurrencyShares', 'Share of the server that it gets.', ({ spec }) =>
      numberOrNone((spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares),
    ),
    column('Queues', 'Number of queues.', (level) => numberOrNone(queuingOf(level)?.queues)),
    column('HandSize', 'Queues that a flow may use.', (level) => numberOrNone(queuingOf(level)?.handSize)),
    column('QueueLengthLimit', 'Requests that a queue holds.', (level) =>
      numberOrNone(queuingOf(level)?.queueLengthLimit),
    ),
    ageColumn,
  ],
})
