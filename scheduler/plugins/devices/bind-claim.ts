/** Writes allocations and reservations into claims. Upstream: bindClaim in dynamicresources.go */
import { isReason } from '../../../api/meta/status-error.ts'
import { resourceClaims } from '../../../api/resources.ts'
import type { Pod, ResourceClaim } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Allocation } from './allocation.ts'
import { claimText, uidOf } from './pod-resource-claims.ts'

export const claimFinalizer = 'resource.kubernetes.io/delete-protection'

/** As upstream's DefaultRetry. */
const maxAttempts = 5

/** An error with what was being done; a conflict stays one. */
const wrapped = async <T>(what: string, call: Promise<T>): Promise<T> => {
  try {
    return await call
  } catch (error) {
    if (isReason(error, 'Conflict')) throw error
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
  }
}

const withFinalizer = async (client: RestClient, claim: ResourceClaim): Promise<ResourceClaim> => {
  const finalizers = claim.metadata?.finalizers ?? []
  if (finalizers.includes(claimFinalizer)) return claim
  const metadata = { ...claim.metadata, finalizers: [...finalizers, claimFinalizer] }
  return wrapped(`add finalizer to claim ${claimText(claim)}`, client.update(resourceClaims, { ...claim, metadata }))
}

const attempt = async (
  client: RestClient,
  claim: ResourceClaim,
  { pod, allocation }: { pod: Pod; allocation: Allocation | undefined },
): Promise<ResourceClaim> => {
  if (claim.metadata?.deletionTimestamp !== undefined) {
    throw new Error(`claim ${claimText(claim)} got deleted in the meantime`)
  }
  if (allocation !== undefined && claim.status?.allocation !== undefined) {
    throw new Error(`claim ${claimText(claim)} got allocated elsewhere in the meantime`)
  }
  // The finalizer comes first: an allocation must not go with its claim unseen.
  const kept = allocation === undefined ? claim : await withFinalizer(client, claim)
  const consumer = { resource: 'pods', name: pod.metadata?.name ?? '', uid: uidOf(pod) }
  const status = {
    ...kept.status,
    ...(allocation === undefined ? {} : { allocation }),
    reservedFor: [...(kept.status?.reservedFor ?? []), consumer],
  }
  const what = allocation === undefined ? 'add reservation' : 'add allocation and reservation'
  return wrapped(
    `${what} to claim ${claimText(claim)}`,
    client.update(resourceClaims, { ...kept, status }, { subresource: 'status' }),
  )
}

/** Reserves the claim for the Pod, and allocates it if it is not yet; others may write to it at the same time. */
export const bindClaim = async (
  client: RestClient,
  claim: ResourceClaim,
  how: { readonly pod: Pod; readonly allocation: Allocation | undefined },
): Promise<ResourceClaim> => {
  const { name = '', namespace = '' } = claim.metadata ?? {}
  let current = claim
  for (let left = maxAttempts - 1; ; left--) {
    try {
      return await attempt(client, current, how)
    } catch (error) {
      if (left === 0 || !isReason(error, 'Conflict')) throw error
      const what = `get updated claim ${claimText(claim)} after conflict`
      current = await wrapped(what, client.get(resourceClaims, name, namespace))
    }
  }
}

/** Takes the Pod's reservation back, whatever else is in the claim by now. */
export const releaseClaim = async (client: RestClient, claim: ResourceClaim, pod: Pod): Promise<void> => {
  const { name = '', namespace = '', uid } = claim.metadata ?? {}
  const body = { metadata: { uid }, status: { reservedFor: [{ $patch: 'delete', uid: uidOf(pod) }] } }
  await client.patch(resourceClaims, name, namespace, body, { type: 'strategic', subresource: 'status' })
}

/** Gives all devices of a claim back, which no other Pod uses. */
export const deallocateClaim = async (client: RestClient, claim: ResourceClaim): Promise<void> => {
  const { allocation: _devices, reservedFor: _users, devices: _states, ...status } = claim.status ?? {}
  await client.update(resourceClaims, { ...claim, status }, { subresource: 'status' })
}
