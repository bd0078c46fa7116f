/** Tolerations of two sources as one list, and what one toleration says of another. Upstream: pkg/util/tolerations */
import { semanticEqual } from '../../../api/meta/equal.ts'
import type { Toleration } from '../../../api/types.ts'

/** True if whatever `narrow` tolerates, `wide` does. */
export const isSuperset = (wide: Toleration, narrow: Toleration): boolean => {
  if (semanticEqual(wide, narrow)) return true
  const { key = '', effect = '', operator = '' } = wide
  if ((narrow.key ?? '') !== key && (key !== '' || operator !== 'Exists')) return false
  if ((narrow.effect ?? '') !== effect && effect !== '') return false
  if (effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false
  }
  if (operator === 'Exists') return true
  return (operator === '' || operator === 'Equal') && narrow.operator === 'Equal' && narrow.value === wide.value
}

/** All of both, without those that another one includes; of equal ones the first. */
export const mergeTolerations = (first: readonly Toleration[], second: readonly Toleration[]): Toleration[] => {
  const all = [...first, ...second]
  const merged: Toleration[] = []
  for (const [index, toleration] of all.entries()) {
    const isRedundant =
      merged.some((kept) => isSuperset(kept, toleration)) ||
      all.slice(index + 1).some((later) => !semanticEqual(later, toleration) && isSuperset(later, toleration))
    if (!isRedundant) merged.push(toleration)
  }
  return merged
}

/** True if every toleration is within one that is allowed; no list allows all. */
export const areAllowed = (tolerations: readonly Toleration[], allowed: readonly Toleration[]): boolean =>
  allowed.length === 0 || tolerations.every((toleration) => allowed.some((wide) => isSuperset(wide, toleration)))
