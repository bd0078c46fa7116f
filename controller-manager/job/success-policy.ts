/** When a Job with a successPolicy has succeeded before all its indexes have. Upstream: pkg/controller/job/success_policy.go. */
import type { Job } from '../../api/types.ts'
import { parseIndexes } from './indexes.ts'

/** Upstream's message of the rule that is met, or undefined if none is. */
export const successPolicyMet = (job: Job, succeeded: ReadonlySet<number>): string | undefined => {
  const completions = job.spec?.completions ?? 0
  for (const [index, rule] of (job.spec?.successPolicy?.rules ?? []).entries()) {
    const candidates =
      rule.succeededIndexes === undefined || rule.succeededIndexes === null
        ? undefined
        : parseIndexes(rule.succeededIndexes, completions)
    const done =
      candidates === undefined ? succeeded.size : [...candidates].filter((item) => succeeded.has(item)).length
    const needed = rule.succeededCount ?? candidates?.size ?? completions
    if (done >= needed) return `Matched rules at index ${index}`
  }
  return undefined
}
