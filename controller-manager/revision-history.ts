/** Brings the stored ControllerRevisions of an owner to its template. Upstream: pkg/controller/history. */
import { controllerOf } from '../api/meta/owners.ts'
import { isReason } from '../api/meta/status-error.ts'
import { controllerRevisions } from '../api/resources.ts'
import type { ControllerRevision, KubeObject, PodTemplateSpec } from '../api/types.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import {
  buildRevision,
  planRevision,
  planRevisionCleanup,
  type RevisionType,
  sameData,
} from './controller-revisions.ts'
import { labelsOf, nameOf, namespaceOf, uidOf } from './objects.ts'
import { all } from './slow-start.ts'

type Owner = KubeObject & { spec?: { template: PodTemplateSpec } }

export interface SyncedRevision {
  readonly revision: ControllerRevision
  /** Goes up each time the name of a new revision is taken by another. */
  readonly collisionCount: number | undefined
}

export const hashOf = (revision: ControllerRevision, type: RevisionType): string =>
  labelsOf(revision)[type.hashLabel] ?? nameOf(revision).slice(nameOf(revision).lastIndexOf('-') + 1)

/** The revision of the owner's current template: found, renumbered or made. */
export const syncRevision = async (
  client: RestClient,
  owner: Owner,
  type: RevisionType,
  history: readonly ControllerRevision[],
  storedCollisions: number | undefined,
): Promise<SyncedRevision> => {
  let collisionCount = storedCollisions
  const plan = planRevision(owner, type, history, collisionCount)
  if (plan.type === 'current') return { revision: plan.revision, collisionCount }
  if (plan.type === 'renumber') {
    const revision = await client.update(controllerRevisions, { ...plan.revision, revision: plan.number })
    return { revision, collisionCount }
  }
  for (let wanted = plan.revision; ; ) {
    try {
      return { revision: await client.create(controllerRevisions, wanted), collisionCount }
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
      const existing = await client.get(controllerRevisions, nameOf(wanted), namespaceOf(wanted))
      if (controllerOf(existing)?.uid === uidOf(owner) && sameData(existing, wanted)) {
        return { revision: existing, collisionCount }
      }
      collisionCount = (collisionCount ?? 0) + 1
      wanted = buildRevision(owner, type, { revision: wanted.revision, collisionCount })
    }
  }
}

/** Deletes revisions beyond the limit that no Pod and no status uses. */
export const trimHistory = async (
  client: RestClient,
  history: readonly ControllerRevision[],
  limit: number,
  isLive: (revision: ControllerRevision) => boolean,
): Promise<void> => {
  await all(planRevisionCleanup(history, limit, isLive), async (revision) => {
    try {
      await client.delete(controllerRevisions, nameOf(revision), namespaceOf(revision))
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  })
}
