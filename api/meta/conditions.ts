/** Conditions: the list of observations in an object's status, one entry a type. Upstream: apimachinery/pkg/api/meta. */

/** What every condition has; some kinds add fields (lastProbeTime, observedGeneration). */
export interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
  observedGeneration?: number
}

export const findCondition = <C extends { type: string }>(
  conditions: readonly C[] | null | undefined,
  type: string,
): C | undefined => conditions?.find((condition) => condition.type === type)

/** True if the condition is there with status `True`. */
export const isConditionTrue = (
  conditions: readonly { type: string; status: string }[] | null | undefined,
  type: string,
): boolean => findCondition(conditions, type)?.status === 'True'

export const isConditionFalse = (
  conditions: readonly { type: string; status: string }[] | null | undefined,
  type: string,
): boolean => findCondition(conditions, type)?.status === 'False'

/**
 * A new list with `condition` set. lastTransitionTime moves to `now` only when the status changes;
 * the very same list comes back when nothing changes, so that callers can compare by identity.
 */
export const setCondition = <C extends Condition>(
  conditions: readonly C[] | null | undefined,
  condition: C,
  now: string,
): readonly C[] => {
  const list = conditions ?? []
  const existing = findCondition(list, condition.type)
  const sameStatus = existing !== undefined && existing.status === condition.status
  const next: C = {
    ...existing,
    ...condition,
    lastTransitionTime: condition.lastTransitionTime ?? (sameStatus ? existing.lastTransitionTime : now) ?? now,
  }
  if (existing === undefined) return [...list, next]
  if (sameStatus) {
    if (existing.lastTransitionTime !== undefined) next.lastTransitionTime = existing.lastTransitionTime
    const names = Object.keys(next) as (keyof C)[]
    if (names.every((name) => next[name] === existing[name])) return list
  }
  return list.map((entry) => (entry === existing ? next : entry))
}

/** A new list without the type. */
export const removeCondition = <C extends { type: string }>(
  conditions: readonly C[] | null | undefined,
  type: string,
): readonly C[] => (conditions ?? []).filter((condition) => condition.type !== type)
