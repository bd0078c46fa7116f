import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { ResourceQuota } from '../types.ts'
import { roundUpToMilli } from './pod-spec/defaults.ts'
import {
  validateResourceQuota,
  validateResourceQuotaStatusUpdate,
  validateResourceQuotaUpdate,
} from './quota-validation.ts'

const setDefaults = (quota: ResourceQuota): void => {
  quota.spec ??= {}
  roundUpToMilli(quota.spec.hard)
  quota.status ??= {}
}

const isLimit = (name: string): boolean => name.startsWith('limits')

/** `pods: 3/10, services: 0/5`: used of hard, sorted. */
const usage = (quota: ResourceQuota, wanted: (name: string) => boolean): string => {
  const { hard = {}, used = {} } = quota.status ?? {}
  return Object.keys(hard)
    .filter(wanted)
    .sort()
    .map((name) => `${name}: ${used[name] ?? '0'}/${hard[name] ?? '0'}`)
    .join(', ')
}

export const resourceQuotaKind = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  scope: 'Namespaced',
  shortNames: ['quota'],
  subresources: ['status'],
  setDefaults,
  ...serverStatus<ResourceQuota>(() => ({})),
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  validateStatusUpdate: validateResourceQuotaStatusUpdate,
  columns: [
    nameColumn,
    column('Request', 'Use and bound of what is requested or counted.', (quota) =>
      usage(quota, (name) => !isLimit(name)),
    ),
    column('Limit', 'Use and bound of limits.', (quota) => usage(quota, isLimit)),
    ageColumn,
  ],
})
