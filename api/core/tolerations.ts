/** Taints and tolerations. Upstream: component-helpers/scheduling/corev1/helpers.go. */
import type { Taint, Toleration } from '../types.ts'

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'

const integer = (text: string | undefined): bigint | undefined =>
  text !== undefined && /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : undefined

/** True if the toleration covers the taint: an absent effect or key covers all. */
export const tolerationToleratesTaint = (toleration: Toleration, taint: Taint): boolean => {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false
  if ((toleration.key ?? '') !== '' && toleration.key !== taint.key) return false
  switch (toleration.operator ?? '') {
    case '':
    case 'Equal':
      return (toleration.value ?? '') === (taint.value ?? '')
    case 'Exists':
      return true
    case 'Lt':
    case 'Gt': {
      const wanted = integer(toleration.value)
      const actual = integer(taint.value)
      if (wanted === undefined || actual === undefined) return false
      return toleration.operator === 'Lt' ? actual < wanted : actual > wanted
    }
    default:
      return false
  }
}

export const tolerationsTolerateTaint = (tolerations: readonly Toleration[] | undefined, taint: Taint): boolean =>
  (tolerations ?? []).some((toleration) => tolerationToleratesTaint(toleration, taint))

/** The first taint with one of the effects that no toleration covers. */
export const findUntoleratedTaint = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined =>
  (taints ?? []).find((taint) => effects.includes(taint.effect) && !tolerationsTolerateTaint(tolerations, taint))
