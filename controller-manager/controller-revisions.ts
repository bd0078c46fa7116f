/**
 * The history of StatefulSets and DaemonSets: one ControllerRevision a template, as a patch that `kubectl rollout undo`
 * can apply. Upstream: pkg/controller/history.
 */
import { newControllerRef } from '../api/meta/owners.ts'
import type { ControllerRevision, KubeObject, PodTemplateSpec } from '../api/types.ts'
import { canonicalJson, templateHash } from './hash.ts'
import { byCreation, nameOf, namespaceOf } from './objects.ts'

export interface RevisionType {
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The label of the revision that carries the hash. */
  readonly hashLabel: string
}

/** The patch that puts a template back. */
export const revisionData = (template: PodTemplateSpec | undefined): KubeObject => ({
  spec: { template: { ...template, $patch: 'replace' } },
})

export const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || byCreation(a, b)

export const sameData = (a: ControllerRevision, b: ControllerRevision): boolean =>
  canonicalJson(a.data) === canonicalJson(b.data)

/** A revision of the owner's template, named by its hash. */
export const buildRevision = (
  owner: KubeObject & { spec?: { template: PodTemplateSpec } },
  type: RevisionType,
  { revision, collisionCount }: { revision: number; collisionCount: number | undefined },
): ControllerRevision => {
  const data = revisionData(owner.spec?.template)
  const hash = templateHash(data, collisionCount)
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${nameOf(owner)}-${hash}`,
      namespace: namespaceOf(owner),
      labels: { ...owner.spec?.template.metadata?.labels, [type.hashLabel]: hash },
      ...(owner.metadata?.annotations && { annotations: owner.metadata.annotations }),
      ownerReferences: [newControllerRef(owner, type)],
    },
    data,
    revision,
  }
}

export type RevisionPlan =
  /** The newest revision is the current template already. */
  | { readonly type: 'current'; readonly revision: ControllerRevision }
  /** An older one is: it moves to the end of the history. */
  | { readonly type: 'renumber'; readonly revision: ControllerRevision; readonly number: number }
  | { readonly type: 'create'; readonly revision: ControllerRevision }

/** How the history comes to end with the owner's template. */
export const planRevision = (
  owner: KubeObject & { spec?: { template: PodTemplateSpec } },
  type: RevisionType,
  history: readonly ControllerRevision[],
  collisionCount: number | undefined,
): RevisionPlan => {
  const sorted = [...history].sort(byRevision)
  const last = sorted.at(-1)
  const next = buildRevision(owner, type, { revision: (last?.revision ?? 0) + 1, collisionCount })
  const equal = sorted.filter((revision) => sameData(revision, next)).at(-1)
  if (equal === undefined) return { type: 'create', revision: next }
  if (equal === last) return { type: 'current', revision: equal }
  return { type: 'renumber', revision: equal, number: next.revision }
}

/** Revisions beyond the limit that nothing uses, oldest first. */
export const planRevisionCleanup = (
  history: readonly ControllerRevision[],
  limit: number,
  isLive: (revision: ControllerRevision) => boolean,
): ControllerRevision[] => {
  const idle = [...history].sort(byRevision).filter((revision) => !isLive(revision))
  return idle.slice(0, Math.max(0, idle.length - limit))
}
