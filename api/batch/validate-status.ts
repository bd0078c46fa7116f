/** What a controller may write into the status of a Job. Upstream: validateJobStatus. */
import { validateStatusCounts } from '../apps/validate-workload.ts'
import { isConditionTrue } from '../meta/conditions.ts'
import { child, duplicate, type FieldError, invalid, required } from '../meta/field-error.ts'
import type { Job } from '../types.ts'

type JobStatus = NonNullable<Job['status']>

const isComplete = (status: JobStatus | undefined): boolean => isConditionTrue(status?.conditions, 'Complete')
const isFailed = (status: JobStatus | undefined): boolean => isConditionTrue(status?.conditions, 'Failed')
const isFinished = (status: JobStatus | undefined): boolean => isComplete(status) || isFailed(status)

const validateUncounted = ({ uncountedTerminatedPods }: JobStatus): FieldError[] => {
  const seen = new Set<string>()
  return (['succeeded', 'failed'] as const).flatMap((list) =>
    (uncountedTerminatedPods?.[list] ?? []).flatMap((uid, index) => {
      const at = child('status.uncountedTerminatedPods', list, index)
      if (uid === '') return [invalid(at, uid, 'must not be empty')]
      if (seen.has(uid)) return [duplicate(at, uid)]
      seen.add(uid)
      return []
    }),
  )
}

/** A Job ends in one way, with nothing left running or uncounted. */
const validateEnd = (status: JobStatus): FieldError[] => {
  const errors: FieldError[] = []
  if (isComplete(status) && isFailed(status)) {
    errors.push(invalid('status.conditions', null, 'cannot set Complete=True and Failed=true conditions'))
  }
  if ((status.active ?? 0) > 0) {
    errors.push(invalid('status.active', status.active, 'active>0 is invalid for finished job'))
  }
  if ((status.terminating ?? 0) > 0) {
    errors.push(invalid('status.terminating', status.terminating, 'terminating>0 is invalid for finished job'))
  }
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {}
  if (succeeded.length + failed.length > 0) {
    errors.push(
      invalid(
        'status.uncountedTerminatedPods',
        status.uncountedTerminatedPods,
        'uncountedTerminatedPods needs to be empty for finished job',
      ),
    )
  }
  return errors
}

const validateCompletionTime = (status: JobStatus): FieldError[] => {
  const { completionTime, startTime } = status
  const path = 'status.completionTime'
  if (completionTime === undefined) {
    return isComplete(status) ? [required(path, 'completionTime is required for Complete jobs')] : []
  }
  if (!isComplete(status)) {
    return [invalid(path, completionTime, 'completionTime cannot be set when there is no Complete=True condition')]
  }
  return startTime !== undefined && completionTime < startTime
    ? [invalid(path, completionTime, 'completionTime cannot be set before startTime')]
    : []
}

export const validateJobStatusUpdate = ({ status }: Job, { status: old }: Job): FieldError[] => {
  if (status === undefined) return []
  const errors = [
    ...validateStatusCounts(status, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
    ...validateUncounted(status),
  ]
  // What was stored wrongly once stays writable.
  if (isFinished(status) && !isFinished(old)) errors.push(...validateEnd(status))
  if (isComplete(status) !== isComplete(old) || status.completionTime !== old?.completionTime) {
    errors.push(...validateCompletionTime(status))
  }
  if ((status.ready ?? 0) > (status.active ?? 0) && status.ready !== old?.ready) {
    errors.push(invalid('status.ready', status.ready, 'cannot set more ready pods than active'))
  }
  return errors
}
