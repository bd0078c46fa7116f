/** When a Pod has to leave because a device that it uses is tainted. Upstream: pkg/controller/devicetainteviction. */
import type { Pod, ResourceClaim, ResourceSlice } from '../../api/types.ts'
import { createdMs, timeMs, uidOf } from '../objects.ts'
import { claimNameOf, owningPod } from '../resourceclaim/plan.ts'

type Device = NonNullable<NonNullable<ResourceSlice['spec']>['devices']>[number]
export type DeviceTaint = NonNullable<Device['taints']>[number] & { readonly timeAdded?: string }
type AllocatedDevice = NonNullable<
  NonNullable<NonNullable<NonNullable<ResourceClaim['status']>['allocation']>['devices']>['results']
>[number]
type DeviceToleration = NonNullable<AllocatedDevice['tolerations']>[number]

export interface EvictingTaint {
  readonly taint: DeviceTaint
  readonly sinceMs: number
}

/** Unique among all pools of all drivers. */
export const deviceKey = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`
export const poolKey = ({ spec }: ResourceSlice): string => `${spec?.driver ?? ''}/${spec?.pool?.name ?? ''}`

/** NoExecute taints by device, of one pool: slices of an older generation of it say nothing any more. */
export const evictingTaints = (slices: readonly ResourceSlice[]): Map<string, EvictingTaint[]> => {
  const generation = Math.max(...slices.map(({ spec }) => spec?.pool?.generation ?? 0))
  const taints = new Map<string, EvictingTaint[]>()
  for (const slice of slices) {
    if ((slice.spec?.pool?.generation ?? 0) !== generation) continue
    for (const device of slice.spec?.devices ?? []) {
      const evicting = (device.taints ?? []).flatMap((taint: DeviceTaint) =>
        taint.effect === 'NoExecute' ? [{ taint, sinceMs: timeMs(taint.timeAdded) ?? createdMs(slice) }] : [],
      )
      const key = `${poolKey(slice)}/${device.name}`
      if (evicting.length > 0) taints.set(key, [...(taints.get(key) ?? []), ...evicting])
    }
  }
  return taints
}

const tolerates = (toleration: DeviceToleration, taint: DeviceTaint): boolean => {
  if (toleration.effect !== 'NoExecute') return false
  if ((toleration.key ?? '') !== '' && toleration.key !== taint.key) return false
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')
}

const evictionTime = (device: AllocatedDevice, { taint, sinceMs }: EvictingTaint): number => {
  const tolerating = (device.tolerations ?? []).filter((toleration) => tolerates(toleration, taint))
  if (tolerating.length === 0) return sinceMs
  const seconds = tolerating.map(({ tolerationSeconds }) => tolerationSeconds ?? Infinity)
  // One without a limit is enough.
  return seconds.includes(Infinity) ? Infinity : sinceMs + Math.max(0, Math.min(...seconds)) * 1000
}

/** Milliseconds since the epoch; undefined: the Pod may stay. */
export const podEvictionMs = (
  pod: Pod,
  claimOf: (name: string) => ResourceClaim | undefined,
  taintsOf: (device: string) => readonly EvictingTaint[],
): number | undefined => {
  if (!pod.spec?.nodeName) return undefined
  let earliest = Infinity
  for (const entry of pod.spec.resourceClaims ?? []) {
    const found = claimNameOf(pod, entry)
    const claim = found.type === 'named' ? claimOf(found.name) : undefined
    if (claim === undefined || found.type !== 'named') continue
    if (found.isOwn && owningPod(claim)?.uid !== uidOf(pod)) continue
    if (!(claim.status?.reservedFor ?? []).some(({ uid }) => uid === uidOf(pod))) continue
    for (const device of claim.status?.allocation?.devices?.results ?? []) {
      for (const taint of taintsOf(deviceKey(device.driver, device.pool, device.device))) {
        earliest = Math.min(earliest, evictionTime(device, taint))
      }
    }
  }
  return earliest === Infinity ? undefined : earliest
}
