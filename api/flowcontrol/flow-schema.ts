import { validateConditionTypes } from '../meta/checks.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { FlowSchema } from '../types.ts'
import { validateFlowSchema } from './validation.ts'

const defaultPrecedence = 1000

/** Whether the priority level that it names does not exist: the condition Dangling. */
const missingLevel = ({ status }: FlowSchema): string => {
  const dangling = status?.conditions?.find(({ type }) => type === 'Dangling')
  return textOr(dangling?.status, '?')
}

export const flowSchemaKind = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  scope: 'Cluster',
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  setDefaults: (schema) => {
    if (schema.spec !== undefined) schema.spec.matchingPrecedence ||= defaultPrecedence
    schema.status ??= {}
  },
  ...serverStatus<FlowSchema>(() => ({})),
  validate: validateFlowSchema,
  validateStatusUpdate: ({ status }) => validateConditionTypes(status?.conditions),
  columns: [
    nameColumn,
    column('PriorityLevel', 'Level that its requests get.', ({ spec }) => spec?.priorityLevelConfiguration?.name ?? ''),
    column('MatchingPrecedence', 'Lower is asked first.', ({ spec }) => spec?.matchingPrecedence ?? 0, 'integer'),
    column('DistinguisherMethod', 'How requests are told apart into flows.', ({ spec }) =>
      textOr(spec?.distinguisherMethod?.type, '<none>'),
    ),
    ageColumn,
    column('MissingPL', 'Whether its priority level is missing.', missingLevel),
  ],
})
