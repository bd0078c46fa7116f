import { warnOfNameAndTemplate } from '../core/warnings/pod.ts'
import { setPodTemplateDefaults } from '../core/pod-spec/defaults.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, selectorColumn, templateColumns, textOr } from '../printers/columns.ts'
import { age } from '../printers/duration.ts'
import { serverStatus } from '../strategy.ts'
import type { CronJob } from '../types.ts'
import { setFailurePolicyDefaults } from './job.ts'
import { validateCronJob, validateCronJobCreate, validateCronJobUpdate } from './validation.ts'

const setDefaults = (cronJob: CronJob): void => {
  const spec = (cronJob.spec ??= { schedule: '', jobTemplate: {} })
  const jobTemplate = (spec.jobTemplate ??= {})
  const jobSpec = (jobTemplate.spec ??= { template: {} })
  setPodTemplateDefaults(jobSpec)
  setFailurePolicyDefaults(jobSpec)
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= 3
  spec.failedJobsHistoryLimit ??= 1
  cronJob.status ??= {}
}

const booleanText = (value: boolean | undefined): string => (value === undefined ? '<unset>' : value ? 'True' : 'False')

const podWarnings = warnOfNameAndTemplate<CronJob>(
  'spec.jobTemplate.spec.template',
  ({ spec }) => spec?.jobTemplate.spec?.template,
)

const warnings = (cronJob: CronJob, old: CronJob | undefined): readonly string[] => [
  ...podWarnings(cronJob, old),
  ...(cronJob.spec?.schedule?.includes('TZ') === true
    ? [
        'cannot use TZ or CRON_TZ in spec.spec.schedule, use spec.spec.timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones for more details',
      ]
    : []),
]

export const cronJobKind = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  scope: 'Namespaced',
  shortNames: ['cj'],
  categories: ['all'],
  subresources: ['status'],
  hasGeneration: true,
  setDefaults,
  ...serverStatus<CronJob>(() => ({})),
  validate: validateCronJob,
  validateCreate: validateCronJobCreate,
  validateUpdate: validateCronJobUpdate,
  warnings,
  columns: [
    nameColumn,
    column('Schedule', 'When it runs, in cron format.', ({ spec }) => spec?.schedule ?? ''),
    column('Timezone', 'Time zone of the schedule.', ({ spec }) => textOr(spec?.timeZone, '<none>')),
    column('Suspend', 'Whether it is held back.', ({ spec }) => booleanText(spec?.suspend), 'boolean'),
    column('Active', 'Jobs that run now.', ({ status }) => (status?.active ?? []).length, 'integer'),
    column('Last Schedule', 'Time since it ran last.', ({ status }, now) =>
      status?.lastScheduleTime === undefined ? '<none>' : age(status.lastScheduleTime, now),
    ),
    ageColumn,
    ...templateColumns<CronJob>(({ spec }) => spec?.jobTemplate.spec?.template),
    selectorColumn<CronJob>(({ spec }) => spec?.jobTemplate.spec?.selector),
  ],
})
