import { validateJobStatusUpdate } from './validate-status.ts'
import { specIsNew, warnOfNameAndTemplate } from '../core/warnings/pod.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, selectorColumn, templateColumns } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { Job } from '../types.ts'
import { setPodTemplateDefaults } from '../core/pod-spec/defaults.ts'
import { jobCompletions, jobDuration, jobStatusText } from './job-columns.ts'
import { validateJob, validateJobUpdate } from './validation.ts'

type JobSpec = NonNullable<Job['spec']>

const maxInt32 = 2 ** 31 - 1

/** Defaults of a whole Job; the template of a CronJob gets only those of its Pods. */
const setDefaults = (job: Job): void => {
  const spec = (job.spec ??= { template: {} })
  const template = setPodTemplateDefaults(spec)
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : maxInt32
  const metadata = (job.metadata ??= {})
  if (template.metadata?.labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) {
    metadata.labels = { ...template.metadata.labels }
  }
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  setFailurePolicyDefaults(spec)
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
  spec.manualSelector ??= false
  job.status ??= {}
}

/** Also for the Job template of a CronJob. */
export const setFailurePolicyDefaults = (spec: JobSpec): void => {
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
  }
}

const uidLabels = ['batch.kubernetes.io/controller-uid', 'controller-uid']
const nameLabels = ['batch.kubernetes.io/job-name', 'job-name']

/**
 * Unless the user brings a selector, a Job selects its Pods by its own uid, which the template carries as a label,
 * together with the Job's name; both also in their form without prefix, for old clients.
 */
const generateSelector = (job: Job): void => {
  const spec = job.spec
  if (spec === undefined || spec.manualSelector === true) return
  const metadata = (spec.template.metadata ??= {})
  const uid = job.metadata?.uid ?? ''
  const labels = { ...metadata.labels }
  for (const label of nameLabels) labels[label] ??= job.metadata?.name ?? ''
  for (const label of uidLabels) labels[label] ??= uid
  metadata.labels = labels
  const selector = (spec.selector ??= {})
  const [uidLabel = ''] = uidLabels
  selector.matchLabels = { ...selector.matchLabels, [uidLabel]: selector.matchLabels?.[uidLabel] ?? uid }
}

const status = serverStatus<Job>(() => ({}))

const podWarnings = warnOfNameAndTemplate<Job>('spec.template', ({ spec }) => spec?.template)

/** More indexes than the status can list as failed. */
const completionsSoftLimit = 100_000
const parallelismSoftLimit = 10_000

const warnings = (job: Job, old: Job | undefined): readonly string[] => {
  const { completionMode, completions = 0, parallelism = 0 } = job.spec ?? {}
  const tooMany =
    specIsNew(job, old) &&
    completionMode === 'Indexed' &&
    completions > completionsSoftLimit &&
    parallelism > parallelismSoftLimit
  return [
    ...(tooMany
      ? [
          'spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completionIndexes when a big number of indexes fail',
        ]
      : []),
    ...podWarnings(job, old),
  ]
}

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
  notSelectable: (field) => `field label ${JSON.stringify(field)} not supported for Job`,
  setDefaults,
  prepareForCreate: (job) => {
    generateSelector(job)
    status.prepareForCreate(job)
  },
  prepareForUpdate: status.prepareForUpdate,
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatusUpdate,
  warnings,
  columns: [
    nameColumn,
    column('Status', 'Running, or how it ended.', jobStatusText),
    column('Completions', 'Pods that succeeded, of those wanted.', jobCompletions),
    column('Duration', 'Time from start to completion.', jobDuration),
    ageColumn,
    ...templateColumns<Job>(({ spec }) => spec?.template),
    selectorColumn<Job>(({ spec }) => spec?.selector),
  ],
})
