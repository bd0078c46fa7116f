/** What a Job's podFailurePolicy says about a failed Pod. Upstream: pkg/controller/job/pod_failure_policy.go. */
import type { Job, Pod } from '../../api/types.ts'
import { nameOf, namespaceOf } from '../objects.ts'

type Rule = NonNullable<NonNullable<Job['spec']>['podFailurePolicy']>['rules'][number]

export type FailureVerdict =
  | { readonly type: 'count' }
  | { readonly type: 'ignore' }
  | { readonly type: 'failJob'; readonly message: string }
  | { readonly type: 'failIndex' }

const exitCodeMatch = (rule: Rule, pod: Pod): { container: string; code: number } | undefined => {
  const wanted = rule.onExitCodes
  if (wanted === undefined || wanted === null) return undefined
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  for (const { name, state } of statuses) {
    const code = state?.terminated?.exitCode
    if (code === undefined || code === 0 || (wanted.containerName && wanted.containerName !== name)) continue
    if (wanted.values.includes(code) === (wanted.operator === 'In')) return { container: name, code }
  }
  return undefined
}

const conditionMatch = (rule: Rule, pod: Pod): string | undefined =>
  (rule.onPodConditions ?? []).find((pattern) =>
    pod.status?.conditions?.some(({ type, status }) => type === pattern.type && status === (pattern.status ?? 'True')),
  )?.type

/** The verdict of the first rule that matches; without one the failure counts against the back-off limit. */
export const judgeFailure = (job: Job, pod: Pod): FailureVerdict => {
  for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const exit = exitCodeMatch(rule, pod)
    const condition = exit === undefined ? conditionMatch(rule, pod) : undefined
    if (exit === undefined && condition === undefined) continue
    switch (rule.action) {
      case 'Ignore':
        return { type: 'ignore' }
      case 'FailIndex':
        return { type: 'failIndex' }
      case 'FailJob': {
        const subject = `pod ${namespaceOf(pod)}/${nameOf(pod)}`
        const message =
          exit === undefined
            ? `Pod ${namespaceOf(pod)}/${nameOf(pod)} has condition ${condition} matching ${rule.action} rule at index ${index}`
            : `Container ${exit.container} for ${subject} failed with exit code ${exit.code} matching ${rule.action} rule at index ${index}`
        return { type: 'failJob', message }
      }
      default:
        return { type: 'count' }
    }
  }
  return { type: 'count' }
}
