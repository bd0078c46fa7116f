import { isConditionTrue } from '../meta/conditions.ts'
import { humanDuration } from '../printers/duration.ts'
import type { Job } from '../types.ts'

/** The most telling condition, else Running. */
export const jobStatusText = (job: Job): string => {
  const has = (type: string): boolean => isConditionTrue(job.status?.conditions, type)
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (job.metadata?.deletionTimestamp !== undefined) return 'Terminating'
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running'
}

export const jobCompletions = ({ spec, status }: Job): string => {
  const succeeded = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

export const jobDuration = ({ status }: Job, now: Date): string => {
  if (status?.startTime === undefined) return ''
  const end = status.completionTime === undefined ? now.getTime() : Date.parse(status.completionTime)
  return humanDuration(end - Date.parse(status.startTime))
}
