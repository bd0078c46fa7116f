import { defineKind } from '../kind.ts'
import type { Job } from '../types.ts'

export const jobKind = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  scope: 'Namespaced',
  categories: ['all'],
  subresources: ['status'],
  hasGeneration: true,
  defaultGarbageCollection: 'orphan',
  selectableFields: { 'status.successful': (job) => String(job.status?.succeeded ?? 0) },
})
