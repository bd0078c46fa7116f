/** Taking and releasing Pods in an owner's name, for every controller that owns Pods. */
import type { Matcher } from '../api/meta/labels.ts'
import { newControllerRef } from '../api/meta/owners.ts'
import type { ResourceRef } from '../api/resources.ts'
import type { KubeObject, Pod } from '../api/types.ts'
import type { Lister } from '../client/cache/store.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { planClaims } from './claims.ts'
import { orphansIn, ownedBy } from './indexes.ts'
import { isDeleting, nameOf, namespaceOf, uidOf } from './objects.ts'
import type { PodControl } from './pod-control.ts'
import { all } from './slow-start.ts'

export interface ClaimOptions<T extends KubeObject> {
  readonly client: RestClient
  readonly control: PodControl
  readonly pods: Lister<Pod>
  readonly ref: ResourceRef<T>
  /** Orphans that the owner would not take whatever their labels. */
  readonly canAdopt?: (pod: Pod) => boolean
  /** The finalizer that comes with adoption and goes with release. */
  readonly finalizer?: string
}

/** The Pods of `owner`, after matching orphans were adopted and Pods that match no more were released. */
export const claimPods = async <T extends KubeObject>(
  owner: T,
  matches: Matcher,
  options: ClaimOptions<T>,
): Promise<Pod[]> => {
  const { client, control, pods, ref, canAdopt, finalizer } = options
  const orphans = orphansIn(pods, namespaceOf(owner)).filter((pod) => canAdopt === undefined || canAdopt(pod))
  const claims = planClaims(owner, matches, [...ownedBy(pods, uidOf(owner)), ...orphans])
  let adopt = claims.adopt
  if (adopt.length > 0) {
    // The cache may be behind: an owner that is deleted, or made again under its name, must not adopt.
    const fresh = await client.get(ref, nameOf(owner), namespaceOf(owner))
    if (uidOf(fresh) !== uidOf(owner) || isDeleting(fresh)) adopt = []
    const reference = newControllerRef(owner, ref)
    await all(adopt, (pod) => control.adopt(reference, pod, finalizer === undefined ? undefined : [finalizer]))
  }
  await all(claims.release, (pod) => control.release(owner, pod, finalizer))
  return [...claims.owned, ...adopt]
}
