/** IntOrString values like `25%`. Upstream: intstr.GetScaledValueFromIntOrPercent. */

/**
 * The count that `value` means out of `total`; percentages round up or down. Unreadable text counts as 0, as
 * validation refuses it anyway.
 */
export const scaledValue = (value: number | string | undefined | null, total: number, round: 'up' | 'down'): number => {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number') return value
  const match = /^(\d+)%$/.exec(value)
  if (match === null) return 0
  const exact = (Number(match[1]) * total) / 100
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact)
}
