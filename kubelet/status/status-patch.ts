/** The strategic merge patch that turns one Pod status into another: pure. */
import { semanticEqual } from '../../api/meta/equal.ts'
import type { PodStatus } from '../../api/types.ts'
import {
  disruptionTarget,
  kubeletConditions,
  kubeletDisruption,
  type PodCondition,
  resizeConditionTypes,
} from './conditions.ts'

type IpList = readonly { readonly ip?: string }[]

/** The kubelet's to write. */
const isOwn = ({ type, reason }: PodCondition): boolean =>
  kubeletConditions.has(type) || (type === disruptionTarget && reason === kubeletDisruption)

/**
 * Conditions merge by type, field by field: only the kubelet's own that changed are sent, and what they lost as null.
 * One that is over is taken away.
 */
const conditionsPatch = (before: readonly PodCondition[], after: readonly PodCondition[]): readonly unknown[] => [
  ...before
    .filter(({ type }) => resizeConditionTypes.has(type) && !after.some((condition) => condition.type === type))
    .map(({ type }) => ({ $patch: 'delete', type })),
  ...after.flatMap((condition) => {
    const old = before.find(({ type }) => type === condition.type)
    if (!isOwn(condition) || semanticEqual(condition, old)) return []
    const lost = Object.keys(old ?? {}).filter((field) => !(field in condition) && field !== 'lastProbeTime')
    return [{ ...condition, ...Object.fromEntries(lost.map((field) => [field, null])) }]
  }),
]

/** Addresses merge by ip: one that is gone has to be named. */
const addressPatch = (before: IpList, after: IpList): unknown[] => [
  ...after,
  ...before.filter(({ ip }) => !after.some((entry) => entry.ip === ip)).map(({ ip }) => ({ $patch: 'delete', ip })),
]

/** Undefined when they say the same. */
export const statusPatch = (before: PodStatus, after: PodStatus): Record<string, unknown> | undefined => {
  const patch: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof PodStatus>) {
    if (semanticEqual(before[key], after[key])) continue
    if (key === 'conditions') {
      const conditions = conditionsPatch(before.conditions ?? [], after.conditions ?? [])
      if (conditions.length > 0) patch[key] = conditions
    } else if (key === 'podIPs' || key === 'hostIPs') {
      patch[key] = addressPatch(before[key] ?? [], after[key] ?? [])
    } else {
      // Absent in the new status: a null takes it away. Fields that others own are carried over by the generator.
      patch[key] = after[key] ?? null
    }
  }
  // Others own these.
  for (const key of [
    'nominatedNodeName',
    'resize',
    'allocatedResources',
    'resources',
    'extendedResourceClaimStatus',
    'resourceClaimStatuses',
  ]) {
    if (patch[key] === null) delete patch[key]
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}
