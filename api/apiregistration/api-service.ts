import { validateConditionStatuses } from '../meta/checks.ts'
import { defineKind } from '../kind.ts'
import { findCondition } from '../meta/conditions.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { keepField } from '../strategy.ts'
import type { APIService } from '../types.ts'
import { validateAPIService } from './validation.ts'

const setDefaults = (apiService: APIService): void => {
  const service = apiService.spec?.service
  if (service !== undefined) service.port ??= 443
  apiService.status ??= {}
}

/** Without a service behind it, the API server answers itself: available at once. */
const prepareForCreate = (apiService: APIService): void => {
  apiService.status = {}
  if (apiService.spec?.service !== undefined) return
  const created = apiService.metadata?.creationTimestamp
  apiService.status.conditions = [
    {
      type: 'Available',
      status: 'True',
      reason: 'Local',
      message: 'Local APIServices are always available',
      ...(created === undefined ? {} : { lastTransitionTime: created }),
    },
  ]
}

const serviceText = ({ spec }: APIService): string =>
  spec?.service === undefined ? 'Local' : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`

const availableText = ({ status }: APIService): string => {
  const available = findCondition(status?.conditions, 'Available')
  if (available === undefined) return 'Unknown'
  return available.status === 'True' ? 'True' : `${available.status} (${available.reason ?? ''})`
}

/** The name says version and group: `v1.apps`. */
export const apiServiceKind = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  looseFinalizers: true,
  scope: 'Cluster',
  categories: ['api-extensions'],
  subresources: ['status'],
  allowUnconditionalUpdate: false,
  // The core group's is `v1.`, which is no DNS name.
  validateName: isValidPathSegmentName,
  setDefaults,
  prepareForCreate,
  prepareForUpdate: (apiService, old) => keepField(apiService, old, 'status'),
  validate: validateAPIService,
  validateStatusUpdate: ({ status }) => validateConditionStatuses(status?.conditions),
  columns: [
    nameColumn,
    column('Service', 'Who serves the group and version.', serviceText),
    column('Available', 'Whether it answers.', availableText),
    ageColumn,
  ],
})
