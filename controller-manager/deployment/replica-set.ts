/** The ReplicaSet that runs a Deployment's template. */
import { newControllerRef } from '../../api/meta/owners.ts'
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { templateHash } from '../hash.ts'
import { nameOf, namespaceOf } from '../objects.ts'
import { templateHashLabel } from './revisions.ts'

const deploymentType = { group: 'apps', version: 'v1', kind: 'Deployment' }

/** A ReplicaSet of size 0, named after the hash of the template and the Deployment's collision count. */
export const buildReplicaSet = (deployment: Deployment, annotations: Record<string, string>): ReplicaSet => {
  const template = deployment.spec?.template
  const hash = templateHash(template, deployment.status?.collisionCount)
  const labels = { ...template?.metadata?.labels, [templateHashLabel]: hash }
  const selector = deployment.spec?.selector
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${nameOf(deployment)}-${hash}`,
      namespace: namespaceOf(deployment),
      ownerReferences: [newControllerRef(deployment, deploymentType)],
      labels,
      annotations,
    },
    spec: {
      replicas: 0,
      minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  }
}
