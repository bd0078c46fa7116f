/**
 * Which of the objects that match a selector belong to an owner, and which it takes or lets go.
 * Upstream: pkg/controller/controller_ref_manager.go.
 */
import type { Matcher } from '../api/meta/labels.ts'
import { controllerOf } from '../api/meta/owners.ts'
import type { KubeObject } from '../api/types.ts'
import { isDeleting, labelsOf, uidOf } from './objects.ts'

export interface Claims<T> {
  /** Owned already and still matching. */
  readonly owned: T[]
  /** Orphans that match: to be given our controller reference. */
  readonly adopt: T[]
  /** Owned, but labels no longer match: to lose our controller reference. */
  readonly release: T[]
}

/** Sorts `objects` of the owner's namespace; those of other controllers and those that mean nothing to it are left out. */
export const planClaims = <T extends KubeObject>(
  owner: KubeObject,
  matches: Matcher,
  objects: readonly T[],
): Claims<T> => {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] }
  for (const object of objects) {
    const controller = controllerOf(object)
    const matching = matches(labelsOf(object))
    if (controller !== undefined) {
      if (controller.uid !== uidOf(owner)) continue
      if (matching) claims.owned.push(object)
      else if (!isDeleting(owner)) claims.release.push(object)
    } else if (matching && !isDeleting(owner) && !isDeleting(object)) {
      claims.adopt.push(object)
    }
  }
  return claims
}
