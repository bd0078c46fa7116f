/** Which ResourceClaims a Pod has, and what is to become of one. Upstream: pkg/controller/resourceclaim. */
import { controllerOf, newControllerRef } from '../../api/meta/owners.ts'
import { isPodTerminal } from '../../api/meta/pods.ts'
import { pods } from '../../api/resources.ts'
import type { OwnerReference, Pod, ResourceClaim, ResourceClaimTemplate } from '../../api/types.ts'
import { isDeleting, nameOf, namespaceOf, uidOf } from '../objects.ts'

export type PodClaim = NonNullable<NonNullable<Pod['spec']>['resourceClaims']>[number]
export type Consumer = NonNullable<NonNullable<ResourceClaim['status']>['reservedFor']>[number]

/** Says of a generated claim which entry of `spec.resourceClaims` it is for. */
export const podClaimAnnotation = 'resource.kubernetes.io/pod-claim-name'
/** Keeps a claim as long as it has devices. */
export const claimFinalizer = 'resource.kubernetes.io/delete-protection'
/** As many Pods as may share a claim. */
const maxConsumers = 256
/** Room for a hyphen and five random characters in a name of 63. */
const maxBaseLength = 57

export type PodClaimName =
  | {
      readonly type: 'named'
      readonly name: string /** Made from a template: must be the Pod's own. */
      readonly isOwn: boolean
    }
  /** Not made yet. */
  | { readonly type: 'missing' }
  /** It was found that the Pod needs none. */
  | { readonly type: 'notNeeded' }

/** Which claim an entry of the Pod stands for. Upstream: k8s.io/dynamic-resource-allocation/resourceclaim.Name */
export const claimNameOf = (pod: Pod, claim: PodClaim): PodClaimName => {
  if (claim.resourceClaimName) return { type: 'named', name: claim.resourceClaimName, isOwn: false }
  const status = pod.status?.resourceClaimStatuses?.find(({ name }) => name === claim.name)
  if (status === undefined) return { type: 'missing' }
  return status.resourceClaimName
    ? { type: 'named', name: status.resourceClaimName, isOwn: true }
    : { type: 'notNeeded' }
}

/** Keys of the claims that the Pod names or was given. */
export const claimKeysOf = (pod: Pod): string[] =>
  (pod.spec?.resourceClaims ?? []).flatMap((claim) => {
    const found = claimNameOf(pod, claim)
    return found.type === 'named' ? [`${namespaceOf(pod)}/${found.name}`] : []
  })

/** The Pod that a generated claim belongs to. */
export const owningPod = (claim: ResourceClaim): OwnerReference | undefined => {
  const owner = controllerOf(claim)
  return owner?.apiVersion === 'v1' && owner.kind === 'Pod' ? owner : undefined
}

/** Nothing of the Pod runs, and nothing ever will. */
export const isPodDone = (pod: Pod): boolean => isPodTerminal(pod) || (isDeleting(pod) && !pod.spec?.nodeName)

/** `<pod>-<entry>-`, both shortened alike where that is too long. */
const generateNameOf = (pod: string, entry: string): string => {
  const full = `${pod}-${entry}-`
  if (full.length <= maxBaseLength) return full
  const part = (text: string): string => text.slice(0, Math.floor((text.length * maxBaseLength) / full.length))
  return `${part(pod)}-${part(entry)}`
}

/** What a template makes for one entry of the Pod. */
export const claimFromTemplate = (pod: Pod, entry: PodClaim, template: ResourceClaimTemplate): ResourceClaim => {
  const { labels, annotations } = template.spec?.metadata ?? {}
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      generateName: generateNameOf(nameOf(pod), entry.name),
      namespace: namespaceOf(pod),
      ownerReferences: [newControllerRef(pod, pods)],
      annotations: { ...annotations, [podClaimAnnotation]: entry.name },
      ...(labels && { labels }),
    },
    spec: template.spec?.spec ?? {},
  }
}

/** True if the Pod was bound without the scheduler's reservation, and the claim has room for it. */
export const needsReservation = (pod: Pod, claim: ResourceClaim): boolean => {
  const { allocation, reservedFor = [] } = claim.status ?? {}
  const isReserved = reservedFor.some(({ uid }) => uid === uidOf(pod))
  return allocation !== undefined && !isReserved && reservedFor.length < maxConsumers
}

export interface ClaimPlan {
  /** The status to write; undefined: it stays. */
  readonly status: ResourceClaim['status'] | undefined
  /** Nothing is allocated any more: the claim may go. */
  readonly dropFinalizer: boolean
}

/**
 * What the claim becomes once only `consumers` use it. Devices are given back when the last consumer goes, so that the
 * next one may get others on another Node; a claim that nobody has used yet keeps what it has until it is deleted.
 */
export const planClaim = (claim: ResourceClaim, consumers: readonly Consumer[]): ClaimPlan => {
  const { reservedFor = [], allocation } = claim.status ?? {}
  const isProtected = claim.metadata?.finalizers?.includes(claimFinalizer) === true
  const lost = consumers.length < reservedFor.length
  const isEnd = consumers.length === 0 && (lost || isDeleting(claim))
  const deallocates = isEnd && isProtected && allocation !== undefined
  const { allocation: _allocation, devices: _devices, ...unallocated } = claim.status ?? {}
  const status = { ...(deallocates ? unallocated : claim.status), reservedFor: [...consumers] }
  return {
    status: lost || deallocates ? status : undefined,
    dropFinalizer: isProtected && isEnd && (deallocates || allocation === undefined),
  }
}
