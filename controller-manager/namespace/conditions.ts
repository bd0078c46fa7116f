/** What a terminating Namespace says about its emptying. Upstream: status_condition_utils.go of pkg/controller/namespace. */
import { findCondition } from '../../api/meta/conditions.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Namespace } from '../../api/types.ts'

export type NamespaceCondition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number]

export interface Emptying {
  /** Groups whose resources could not be discovered. */
  readonly discoveryErrors: readonly string[]
  /** Resources that could not be deleted. */
  readonly deletionErrors: readonly string[]
  /** Objects left, by `resource.group`. */
  readonly remaining: ReadonlyMap<string, number>
  /** Objects left that carry a finalizer, by the finalizer's name. */
  readonly finalizers: ReadonlyMap<string, number>
}

const sorted = (counts: ReadonlyMap<string, number>): [string, number][] =>
  [...counts].sort(([a], [b]) => (a < b ? -1 : 1))

/** All five conditions of the report. */
export const planConditions = (emptying: Emptying): Omit<NamespaceCondition, 'lastTransitionTime'>[] => {
  const { discoveryErrors, deletionErrors, remaining, finalizers } = emptying
  const condition = (
    type: string,
    problem: string | undefined,
    reasons: { bad: string; good: string },
    fine: string,
  ): Omit<NamespaceCondition, 'lastTransitionTime'> => ({
    type,
    status: problem === undefined ? 'False' : 'True',
    reason: problem === undefined ? reasons.good : reasons.bad,
    message: problem ?? fine,
  })
  const joined = (prefix: string, errors: readonly string[]): string | undefined =>
    errors.length === 0 ? undefined : `${prefix}${[...errors].sort().join(', ')}`
  const left = sorted(remaining).map(([resource, count]) => `${resource} has ${count} resource instances`)
  const held = sorted(finalizers).map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
  return [
    condition(
      'NamespaceDeletionDiscoveryFailure',
      joined(
        `Discovery failed for some groups, ${discoveryErrors.length} failing: unable to retrieve the complete list of server APIs: `,
        discoveryErrors,
      ),
      { bad: 'DiscoveryFailed', good: 'ResourcesDiscovered' },
      'All resources successfully discovered',
    ),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      undefined,
      { bad: 'GroupVersionParsingFailed', good: 'ParsedGroupVersions' },
      'All legacy kube types successfully parsed',
    ),
    condition(
      'NamespaceDeletionContentFailure',
      joined(`Failed to delete all resource types, ${deletionErrors.length} remaining: `, deletionErrors),
      { bad: 'ContentDeletionFailed', good: 'ContentDeleted' },
      'All content successfully deleted, may be waiting on finalization',
    ),
    condition(
      'NamespaceContentRemaining',
      joined('Some resources are remaining: ', left),
      { bad: 'SomeResourcesRemain', good: 'ContentRemoved' },
      'All content successfully removed',
    ),
    condition(
      'NamespaceFinalizersRemaining',
      joined('Some content in the namespace has finalizers remaining: ', held),
      { bad: 'SomeFinalizersRemain', good: 'ContentHasNoFinalizers' },
      'All content-preserving finalizers finished',
    ),
  ]
}

/** The stored conditions with the report put in; the same list if nothing changes. Foreign conditions stay. */
export const mergeConditions = (
  stored: readonly NamespaceCondition[],
  report: readonly Omit<NamespaceCondition, 'lastTransitionTime'>[],
  nowMs: number,
): readonly NamespaceCondition[] => {
  const result = [...stored]
  let changed = false
  for (const condition of report) {
    const current = findCondition(result, condition.type)
    if (
      current?.status === condition.status &&
      current.message === condition.message &&
      current.reason === condition.reason
    ) {
      continue
    }
    changed = true
    const lastTransitionTime =
      current !== undefined && current.status === condition.status ? current.lastTransitionTime : nowRfc3339(nowMs)
    const next: NamespaceCondition = { ...condition, ...(lastTransitionTime && { lastTransitionTime }) }
    const index = current === undefined ? -1 : result.indexOf(current)
    if (index < 0) result.push(next)
    else result[index] = next
  }
  return changed ? result : stored
}
