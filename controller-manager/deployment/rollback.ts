/**
 * Rolls a Deployment back where the annotation of the extensions API of old asks for it, as `kubectl rollout undo` did
 * before it learned to do so by itself. Upstream: pkg/controller/deployment/rollback.go.
 */
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { annotationsOf, nameOf } from '../objects.ts'
import {
  isInherited,
  maxRevision,
  revisionOf,
  splitReplicaSets,
  templateHashLabel,
  templatesEqual,
} from './revisions.ts'

export const rollbackAnnotation = 'deprecated.deployment.rollback.to'

export interface Rollback {
  /** To be written: without the annotation, and with the template of the revision if there is one. */
  readonly deployment: Deployment
  readonly event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }
}

/** The revision before the newest; 0 if there is none. */
const lastRevision = (replicaSets: readonly ReplicaSet[]): bigint => {
  const newest = maxRevision(replicaSets)
  return maxRevision(replicaSets.filter((replicaSet) => revisionOf(replicaSet) !== newest))
}

/** Undefined where nobody asks for it. Revision 0 means the one before the newest. */
export const planRollback = (deployment: Deployment, replicaSets: readonly ReplicaSet[]): Rollback | undefined => {
  const { [rollbackAnnotation]: wanted, ...annotations } = annotationsOf(deployment)
  if (wanted === undefined || !/^\d+$/.test(wanted)) return undefined
  const settled: Deployment = { ...deployment, metadata: { ...deployment.metadata, annotations } }
  const revision = BigInt(wanted) === 0n ? lastRevision(replicaSets) : BigInt(wanted)
  const { newest, old } = splitReplicaSets(deployment, replicaSets)
  const found = [...old, ...(newest === undefined ? [] : [newest])].find(
    (replicaSet) => revision !== 0n && revisionOf(replicaSet) === revision,
  )
  if (found === undefined) {
    const reason = 'DeploymentRollbackRevisionNotFound'
    const message = revision === 0n ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.'
    return { deployment: settled, event: { type: 'Warning', reason, message } }
  }
  if (templatesEqual(found.spec?.template, deployment.spec?.template)) {
    const message = `The rollback revision contains the same template as current deployment "${nameOf(deployment)}"`
    return { deployment: settled, event: { type: 'Warning', reason: 'DeploymentRollbackTemplateUnchanged', message } }
  }
  const { template } = found.spec ?? {}
  const { [templateHashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {}
  const restored = { ...template, metadata: { ...template?.metadata, labels } }
  const own = Object.entries(annotations).filter(([key]) => !isInherited(key))
  const inherited = Object.entries(annotationsOf(found)).filter(([key]) => isInherited(key))
  return {
    deployment: {
      ...settled,
      metadata: { ...settled.metadata, annotations: Object.fromEntries([...own, ...inherited]) },
      ...(deployment.spec && { spec: { ...deployment.spec, template: restored } }),
    },
    event: {
      type: 'Normal',
      reason: 'DeploymentRollback',
      message: `Rolled back deployment "${nameOf(deployment)}" to revision ${revision}`,
    },
  }
}
