/**
 * The history of a Deployment: revision numbers and the annotations that carry them on its ReplicaSets, which
 * `kubectl rollout history` and `undo` read. Upstream: deployment_util.go.
 */
import type { Deployment, PodTemplateSpec, ReplicaSet } from '../../api/types.ts'
import { annotationsOf, byCreation } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'
export const templateHashLabel = 'pod-template-hash'

/** Annotations of the Deployment that its ReplicaSets do not inherit. */
const notInherited = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
])

/** True if a ReplicaSet takes the annotation over from its Deployment, and a rollback from the ReplicaSet. */
export const isInherited = (annotation: string): boolean => !notInherited.has(annotation)

const revisionHistoryLimitChars = 2000

/** The revision of a ReplicaSet as a 64-bit integer; 0 if it has none or a bad one. */
export const revisionOf = (replicaSet: ReplicaSet): bigint => {
  const text = annotationsOf(replicaSet)[revisionAnnotation]
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : 0n
}

export const maxRevision = (replicaSets: readonly ReplicaSet[]): bigint =>
  replicaSets.reduce((max, rs) => (revisionOf(rs) > max ? revisionOf(rs) : max), 0n)

const withoutHash = (template: PodTemplateSpec | undefined): unknown => {
  if (template === undefined) return undefined
  const { [templateHashLabel]: _hash, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** The hash label does not count. */
export const templatesEqual = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  semanticEqual(withoutHash(a), withoutHash(b))

/** True if the ReplicaSet runs the Deployment's template. */
export const hasTemplateOf = (replicaSet: ReplicaSet, deployment: Deployment): boolean =>
  templatesEqual(replicaSet.spec?.template, deployment.spec?.template)

/** The oldest ReplicaSet with the current template, and all the others. */
export const splitReplicaSets = (
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
): { newest: ReplicaSet | undefined; old: ReplicaSet[] } => {
  const sorted = [...replicaSets].sort(byCreation)
  const newest = sorted.find((rs) => hasTemplateOf(rs, deployment))
  return { newest, old: sorted.filter((rs) => rs !== newest) }
}

const appendHistory = (history: string | undefined, revision: string): string => {
  const revisions = history === undefined || history === '' ? [] : history.split(',')
  revisions.push(revision)
  while (revisions.length > 1 && revisions.join(',').length > revisionHistoryLimitChars) revisions.shift()
  return revisions.join(',')
}

/**
 * Annotations that the ReplicaSet of the current template has to carry: the Deployment's own, and `revision` if it is
 * higher than what the ReplicaSet has; then the one it had is added to its history.
 */
export const newReplicaSetAnnotations = (
  deployment: Deployment,
  current: Readonly<Record<string, string>> | undefined,
  revision: bigint,
): Record<string, string> => {
  const annotations: Record<string, string> = { ...current }
  for (const [key, value] of Object.entries(annotationsOf(deployment))) {
    if (isInherited(key)) annotations[key] = value
  }
  const had = annotations[revisionAnnotation]
  if (had === undefined || !/^-?\d+$/.test(had)) {
    annotations[revisionAnnotation] = String(revision)
  } else if (BigInt(had) < revision) {
    annotations[revisionAnnotation] = String(revision)
    annotations[revisionHistoryAnnotation] = appendHistory(annotations[revisionHistoryAnnotation], had)
  }
  return annotations
}

/** The old ReplicaSets beyond the history limit, lowest revision first; those with Pods or an unseen change stay. */
export const planHistoryCleanup = (deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] => {
  const limit = deployment.spec?.revisionHistoryLimit
  if (limit === undefined || limit === null || limit === 2_147_483_647) return []
  const alive = old.filter((rs) => rs.metadata?.deletionTimestamp === undefined)
  const excess = alive.length - limit
  if (excess <= 0) return []
  const byRevision = [...alive].sort((a, b) => {
    const difference = revisionOf(a) - revisionOf(b)
    return difference < 0n ? -1 : difference > 0n ? 1 : byCreation(a, b)
  })
  return byRevision
    .slice(0, excess)
    .filter(
      (rs) =>
        (rs.status?.replicas ?? 0) === 0 &&
        (rs.spec?.replicas ?? 0) === 0 &&
        (rs.metadata?.generation ?? 0) <= (rs.status?.observedGeneration ?? 0),
    )
}
