/** What to do with an object, given how its owners are. Upstream: garbagecollector.go, attemptToDeleteItem. */
import type { KubeObject, OwnerReference } from '../../api/types.ts'
import { type GraphNode, foregroundFinalizer, orphanFinalizer } from './graph.ts'

/** An owner as the API server shows it now. */
export type OwnerState =
  /** There, and not going, or going without waiting for dependents. */
  | 'solid'
  /** Does not exist, or another object has its name. */
  | 'dangling'
  /** Is deleted in the foreground. */
  | 'waiting'

export type ItemPlan =
  | { readonly type: 'keep' }
  /** Loses references to owners that are gone or go; others still hold it. */
  | { readonly type: 'dropReferences'; readonly uids: readonly string[] }
  | {
      readonly type: 'delete'
      readonly policy: 'Orphan' | 'Foreground' | 'Background'
      /** Its own references must stop blocking first: its owners and dependents wait for each other. */
      readonly unblock: boolean
    }

/** The policy that the object itself asks for by its finalizers. */
const ownPolicy = (object: KubeObject): 'Orphan' | 'Foreground' | 'Background' => {
  const finalizers = object.metadata?.finalizers ?? []
  if (finalizers.includes(orphanFinalizer)) return 'Orphan'
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background'
}

/** `owners` are the live object's references with what became of each. */
export const planItem = (
  latest: KubeObject,
  node: GraphNode,
  owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[],
): ItemPlan => {
  if (owners.length === 0) return { type: 'keep' }
  const solid = owners.some(({ state }) => state === 'solid')
  const waiting = owners.some(({ state }) => state === 'waiting')
  if (solid) {
    const uids = owners.filter(({ state }) => state !== 'solid').map(({ reference }) => reference.uid)
    return uids.length === 0 ? { type: 'keep' } : { type: 'dropReferences', uids }
  }
  if (waiting && node.dependents.size > 0) {
    // A circle of foreground deletions would wait for ever.
    const unblock = [...node.dependents].some((dependent) => dependent.deletingDependents)
    return { type: 'delete', policy: 'Foreground', unblock }
  }
  return { type: 'delete', policy: ownPolicy(latest), unblock: false }
}
