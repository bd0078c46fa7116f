/** Jobs and CronJobs. Upstream: pkg/apis/batch/validation/validation.go. */
import { validatePodTemplateSpec } from '../core/pod-spec/validate.ts'
import {
  absent,
  domainPrefixedPath,
  immutable,
  nonNegative,
  oneOf,
  requiredOneOf,
  validateLabelSelector,
} from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import {
  asGoStruct,
  child,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../meta/field-error.ts'
import { matcherFromLabelSelector } from '../meta/labels.ts'
import type { CronJob, Job, LabelSelector } from '../types.ts'
import { parseCronSchedule } from './cron-schedule.ts'

type JobSpec = NonNullable<Job['spec']>

const maxManagedByBytes = 63
const maxIndexedParallelism = 100_000
const maxIndexedCompletions = 2 ** 31 - 1
/** Room for the eleven characters that the controller appends to a CronJob's name. */
const maxCronJobName = 52

type ExitCodes = NonNullable<NonNullable<JobSpec['podFailurePolicy']>['rules'][number]['onExitCodes']>

const validateExitCodes = (
  { containerName, operator, values }: ExitCodes,
  spec: JobSpec,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  const { containers, initContainers } = spec.template.spec ?? {}
  const isKnown = [...(containers ?? []), ...(initContainers ?? [])].some(({ name }) => name === containerName)
  if (containerName !== undefined && !isKnown) {
    const reason = 'must be one of the container or initContainer names in the pod template'
    errors.push(invalid(child(path, 'containerName'), containerName, reason))
  }
  const seen = new Set<number>()
  for (const [index, value] of (values ?? []).entries()) {
    const at = child(path, 'values', index)
    if (operator === 'In' && value === 0) errors.push(invalid(at, value, 'must not be 0 for the In operator'))
    if (seen.has(value)) errors.push(duplicate(at, value))
    seen.add(value)
  }
  if ((values ?? []).some((value, index, all) => index > 0 && value < (all[index - 1] ?? value))) {
    errors.push(invalid(child(path, 'values'), values, 'must be ordered'))
  }
  return errors
}

const validateFailurePolicy = (spec: JobSpec, path: string): FieldError[] => {
  const rules = spec.podFailurePolicy?.rules ?? []
  if (spec.podFailurePolicy === undefined) return []
  const errors: FieldError[] = []
  if (rules.length > 20)
    errors.push({
      type: 'FieldValueTooMany',
      field: child(path, 'podFailurePolicy', 'rules'),
      detail: `Too many: ${rules.length}: must have at most 20 items`,
    })
  for (const [index, rule] of rules.entries()) {
    const at = child(path, 'podFailurePolicy', 'rules', index)
    errors.push(...requiredOneOf(child(at, 'action'), rule.action, ['Count', 'FailIndex', 'FailJob', 'Ignore']))
    const conditions = rule.onPodConditions ?? []
    if (rule.onExitCodes !== undefined && conditions.length > 0) {
      errors.push(invalid(at, null, 'specifying both OnExitCodes and OnPodConditions is not supported'))
    }
    if (rule.onExitCodes === undefined && conditions.length === 0) {
      errors.push(invalid(at, null, 'specifying one of OnExitCodes and OnPodConditions is required'))
    }
    if (rule.onExitCodes !== undefined) {
      errors.push(...requiredOneOf(child(at, 'onExitCodes', 'operator'), rule.onExitCodes.operator, ['In', 'NotIn']))
      errors.push(...validateExitCodes(rule.onExitCodes, spec, child(at, 'onExitCodes')))
      if ((rule.onExitCodes.values ?? []).length === 0) {
        errors.push(
          invalid(child(at, 'onExitCodes', 'values'), rule.onExitCodes.values ?? [], 'at least one value is required'),
        )
      }
    }
  }
  if (spec.template.spec?.restartPolicy !== 'Never') {
    errors.push(
      invalid(
        child(path, 'template', 'spec', 'restartPolicy'),
        spec.template.spec?.restartPolicy,
        'only "Never" is supported when podFailurePolicy is specified',
      ),
    )
  }
  return errors
}

const successPolicyStruct = ({ rules }: NonNullable<JobSpec['successPolicy']>): object => ({
  Rules: (rules ?? []).map((rule) =>
    asGoStruct(rule, [
      ['SucceededIndexes', 'succeededIndexes', null],
      ['SucceededCount', 'succeededCount', null],
    ]),
  ),
})

const validateIndexed = (spec: JobSpec, path: string): FieldError[] => {
  if (spec.completionMode !== 'Indexed') {
    const { backoffLimitPerIndex, maxFailedIndexes, successPolicy } = spec
    const given: readonly (readonly [string, unknown])[] = [
      ['backoffLimitPerIndex', backoffLimitPerIndex],
      ['maxFailedIndexes', maxFailedIndexes],
      ['successPolicy', successPolicy === undefined ? undefined : successPolicyStruct(successPolicy)],
    ]
    return given
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => invalid(child(path, field), value, 'requires indexed completion mode'))
  }
  const errors: FieldError[] = []
  if (spec.completions === undefined) {
    errors.push(required(child(path, 'completions'), 'when completion mode is Indexed'))
  } else if (spec.completions > maxIndexedCompletions) {
    errors.push(
      invalid(
        child(path, 'completions'),
        spec.completions,
        `must be less than or equal to ${maxIndexedCompletions} when completion mode is Indexed`,
      ),
    )
  }
  if ((spec.parallelism ?? 0) > maxIndexedParallelism) {
    errors.push(
      invalid(
        child(path, 'parallelism'),
        spec.parallelism,
        `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`,
      ),
    )
  }
  return errors
}

/** All but the selector: also the Job template of a CronJob. */
const validateJobSpec = (spec: JobSpec, path: string): FieldError[] => {
  const errors: FieldError[] = []
  for (const field of [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const) {
    errors.push(...nonNegative(child(path, field), spec[field]))
  }
  if (spec.completionMode !== undefined) {
    errors.push(...oneOf(child(path, 'completionMode'), spec.completionMode, ['NonIndexed', 'Indexed']))
  }
  if (spec.managedBy !== undefined) {
    const at = child(path, 'managedBy')
    errors.push(...domainPrefixedPath(at, spec.managedBy))
    if (Buffer.byteLength(spec.managedBy) > maxManagedByBytes) errors.push(tooLong(at, maxManagedByBytes))
  }
  errors.push(
    ...validateIndexed(spec, path),
    ...validateFailurePolicy(spec, path),
    ...oneOf(child(path, 'podReplacementPolicy'), spec.podReplacementPolicy, ['Failed', 'TerminatingOrFailed']),
    ...validatePodTemplateSpec(spec.template, child(path, 'template')),
  )
  const restartPolicy = spec.template.spec?.restartPolicy
  const at = child(path, 'template', 'spec', 'restartPolicy')
  if (absent(restartPolicy) || restartPolicy === 'Always') {
    errors.push(required(at, 'valid values: "OnFailure", "Never"'))
  } else if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    errors.push(notSupported(at, restartPolicy, ['OnFailure', 'Never']))
  }
  return errors
}

const matches = (selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean => {
  try {
    return matcherFromLabelSelector(selector)(labels)
  } catch {
    return true
  }
}

const controllerUidLabel = 'batch.kubernetes.io/controller-uid'

/** A generated selector must still say this very Job. */
const validateGeneratedSelector = (job: Job): FieldError[] => {
  const { spec, metadata } = job
  if (spec?.manualSelector === true) return []
  const errors: FieldError[] = []
  const uid = metadata?.uid ?? ''
  const labels = spec?.template.metadata?.labels ?? {}
  for (const [name, wanted] of [
    [controllerUidLabel, uid],
    ['batch.kubernetes.io/job-name', metadata?.name ?? ''],
  ] as const) {
    const path = `spec.template.metadata.labels[${name}]`
    if (labels[name] === undefined) errors.push(required(path, `must be '${wanted}'`))
    else if (labels[name] !== wanted) errors.push(invalid(path, labels, `must be '${wanted}'`))
  }
  const selected = spec?.selector?.matchLabels ?? {}
  if (selected[controllerUidLabel] !== uid && selected['controller-uid'] !== uid) {
    errors.push(invalid('spec.selector', spec?.selector, '`selector` not auto-generated'))
  }
  return errors
}

export const validateJob = (job: Job): FieldError[] => {
  const spec = job.spec
  if (spec === undefined) return []
  const errors = validateGeneratedSelector(job)
  errors.push(...validateJobSpec(spec, 'spec'))
  if (spec.selector === undefined) errors.push(required('spec.selector'))
  else errors.push(...validateLabelSelector(spec.selector, 'spec.selector'))
  const labels = spec.template.metadata?.labels
  // A selector that was not given finds nothing.
  if (spec.selector === undefined || !matches(spec.selector, labels ?? {})) {
    const reason = '`selector` does not match template `labels`'
    errors.push(invalid('spec.template.metadata.labels', labels ?? null, reason))
  }
  return errors
}

/** A suspended Job that never ran may still be directed to other nodes. */
const mayRedirect = (old: Job): boolean => old.spec?.suspend === true && old.status?.startTime === undefined

const directives = ['affinity', 'nodeSelector', 'tolerations', 'schedulingGates'] as const

const fixedTemplate = (job: Job, redirect: boolean): unknown => {
  const template = job.spec?.template
  if (!redirect || template?.spec === undefined) return template
  const spec = { ...template.spec }
  for (const field of directives) delete spec[field]
  return { metadata: undefined, spec }
}

export const validateJobUpdate = (job: Job, old: Job): FieldError[] => {
  const errors: FieldError[] = []
  const redirect = mayRedirect(old)
  const elastic = job.spec?.completionMode === 'Indexed' && job.spec.completions === job.spec.parallelism
  if (!elastic) errors.push(...immutable('spec.completions', job.spec?.completions, old.spec?.completions))
  errors.push(...immutable('spec.selector', job.spec?.selector, old.spec?.selector))
  if (!semanticEqual(fixedTemplate(job, redirect), fixedTemplate(old, redirect))) {
    errors.push(invalid('spec.template', job.spec?.template, 'field is immutable'))
  }
  for (const field of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    errors.push(...immutable(`spec.${field}`, job.spec?.[field], old.spec?.[field]))
  }
  return errors
}

const isTimeZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const validateTimeZone = (timeZone: string | undefined, path: string): FieldError[] => {
  if (timeZone === undefined) return []
  if (timeZone === '') return [invalid(path, timeZone, 'timeZone must be nil or non-empty string')]
  if (timeZone.toLowerCase() === 'local')
    return [
      invalid(path, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ]
  return isTimeZone(timeZone) ? [] : [invalid(path, timeZone, `unknown time zone ${timeZone}`)]
}

/** A zone before the five fields, as the parser of old takes it. */
const zonePrefix = /^(?:CRON_)?TZ=\S+\s+/

const validateSchedule = (schedule: string | undefined, path: string): FieldError[] => {
  if (absent(schedule)) return [required(path)]
  try {
    parseCronSchedule((schedule ?? '').replace(zonePrefix, ''))
  } catch (error) {
    return [invalid(path, schedule, error instanceof Error ? error.message : String(error))]
  }
  return []
}

const validateNoZoneInSchedule = (schedule: string): FieldError[] =>
  schedule.includes('TZ')
    ? [invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')]
    : []

export const validateCronJob = (cronJob: CronJob): FieldError[] => {
  const { spec } = cronJob
  if (spec === undefined) return []
  const errors: FieldError[] = []
  errors.push(
    ...validateSchedule(spec.schedule, 'spec.schedule'),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...validateTimeZone(spec.timeZone, 'spec.timeZone'),
    ...requiredOneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  )
  const jobSpec = spec.jobTemplate.spec
  const path = 'spec.jobTemplate.spec'
  if (jobSpec !== undefined) {
    errors.push(...validateJobSpec(jobSpec, path))
    if (jobSpec.manualSelector === true)
      errors.push(notSupported(child(path, 'manualSelector'), true, ['nil', 'false']))
    if (jobSpec.selector !== undefined) {
      errors.push(invalid(child(path, 'selector'), jobSpec.selector, '`selector` will be auto-generated'))
    }
  }
  return errors
}

/** Only for new ones: stored names that are too long stay. */
export const validateCronJobCreate = ({ metadata, spec }: CronJob): FieldError[] => {
  const name = metadata?.name ?? ''
  return [
    ...(name.length > maxCronJobName
      ? [invalid('metadata.name', name, `must be no more than ${maxCronJobName} characters`)]
      : []),
    ...validateNoZoneInSchedule(spec?.schedule ?? ''),
  ]
}

/** A stored schedule with a zone in it may stay. */
export const validateCronJobUpdate = ({ spec }: CronJob, old: CronJob): FieldError[] =>
  old.spec?.schedule?.includes('TZ') === true ? [] : validateNoZoneInSchedule(spec?.schedule ?? '')
