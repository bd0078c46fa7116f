/** What becomes of a generated token that nobody uses: marked as invalid, and after as long again deleted. Pure. */
import type { Secret } from '../../api/types.ts'
import { createdMs, isDeleting, labelsOf } from '../objects.ts'

export const lastUsedLabel = 'kubernetes.io/legacy-token-last-used'
export const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since'

const dayMs = 24 * 3_600_000

/** `2026-01-02` in UTC: such dates sort as times do. */
export const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 'yyyy-mm-dd'.length)

const isDate = (text: string | undefined): text is string =>
  text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))

/** From when on it is known that tokens are not used: the day after their use was first noted. undefined: no date. */
export const trackedSinceMs = (since: string | undefined): number | undefined =>
  isDate(since) ? Date.parse(since) + dayMs : undefined

export interface TokenFacts {
  /** Whether its ServiceAccount lists it: only then was it generated. */
  readonly isGenerated: boolean
  readonly isMounted: boolean
  readonly nowMs: number
  readonly cleanUpPeriodMs: number
}

export type TokenPlan = 'keep' | 'invalidate' | 'delete'

export const planToken = (secret: Secret, facts: TokenFacts): TokenPlan => {
  const { isGenerated, isMounted, nowMs, cleanUpPeriodMs } = facts
  const labels = labelsOf(secret)
  const horizon = dateOf(nowMs - cleanUpPeriodMs)
  if (isDeleting(secret) || createdMs(secret) >= nowMs - cleanUpPeriodMs) return 'keep'
  const lastUsed = labels[lastUsedLabel]
  // A date that says nothing leaves it open whether it is used.
  if (lastUsed !== undefined && (!isDate(lastUsed) || lastUsed >= horizon)) return 'keep'
  if (!isGenerated || isMounted) return 'keep'
  const invalidSince = labels[invalidSinceLabel]
  if (!isDate(invalidSince)) return 'invalidate'
  return invalidSince >= horizon ? 'keep' : 'delete'
}
