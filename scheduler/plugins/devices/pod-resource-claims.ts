/** The ResourceClaims of a Pod. Upstream: dynamic-resource-allocation/resourceclaim. */
import { isControlledBy } from '../../../api/meta/owners.ts'
import type { Pod, ResourceClaim } from '../../../api/types.ts'

/** `namespace/name`, as messages have it. */
export const claimText = ({ metadata }: ResourceClaim): string => `${metadata?.namespace}/${metadata?.name}`

export const uidOf = ({ metadata }: ResourceClaim | Pod): string => metadata?.uid ?? ''

export const isReservedFor = (pod: Pod, { status }: ResourceClaim): boolean =>
  (status?.reservedFor ?? []).some(({ uid }) => uid === uidOf(pod))

type PodResourceClaim = NonNullable<NonNullable<Pod['spec']>['resourceClaims']>[number]

/** What one entry of the Pod refers to. */
type Reference =
  | { readonly type: 'claim'; readonly name: string; readonly isGenerated: boolean }
  /** There is none, and that is as it should be. */
  | { readonly type: 'none' }
  | { readonly type: 'missing'; readonly reason: string }

const referenceOf = (pod: Pod, entry: PodResourceClaim): Reference => {
  const podText = `pod "${pod.metadata?.namespace}/${pod.metadata?.name}"`
  if (entry.resourceClaimName !== undefined) return { type: 'claim', name: entry.resourceClaimName, isGenerated: false }
  if (entry.resourceClaimTemplateName === undefined) {
    const reason = `${podText}, spec.resourceClaim "${entry.name}": none of the supported fields are set`
    return { type: 'missing', reason }
  }
  const generated = pod.status?.resourceClaimStatuses?.find(({ name }) => name === entry.name)
  if (generated === undefined) return { type: 'missing', reason: `${podText}: ResourceClaim not created yet` }
  const name = generated.resourceClaimName
  return name === undefined ? { type: 'none' } : { type: 'claim', name, isGenerated: true }
}

/** The claims, or why the Pod cannot use one of them yet. */
export const claimsOfPod = (
  pod: Pod,
  get: (key: string) => ResourceClaim | undefined,
): readonly ResourceClaim[] | { readonly reason: string } => {
  const claims: ResourceClaim[] = []
  for (const entry of pod.spec?.resourceClaims ?? []) {
    const reference = referenceOf(pod, entry)
    if (reference.type === 'none') continue
    if (reference.type === 'missing') return { reason: reference.reason }
    const key = `${pod.metadata?.namespace ?? ''}/${reference.name}`
    const claim = get(key)
    if (claim === undefined) return { reason: `could not find ResourceClaim "${key}"` }
    if (claim.metadata?.deletionTimestamp !== undefined) {
      return { reason: `resourceclaim "${reference.name}" is being deleted` }
    }
    if (reference.isGenerated && !isControlledBy(claim, pod)) {
      const podKey = `${pod.metadata?.namespace}/${pod.metadata?.name}`
      return { reason: `ResourceClaim ${claimText(claim)} was not created for Pod ${podKey} (Pod is not owner)` }
    }
    claims.push(claim)
  }
  return claims
}
