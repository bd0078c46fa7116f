/** The Pod of a DaemonSet for one node. Upstream: pkg/controller/daemon/util. */
import { newControllerRef } from '../../api/meta/owners.ts'
import type { DaemonSet, Pod } from '../../api/types.ts'
import { annotationsOf, nameOf, namespaceOf } from '../objects.ts'
import { tolerationsOf } from './nodes.ts'

export const revisionHashLabel = 'controller-revision-hash'
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation'

const daemonSetType = { group: 'apps', version: 'v1', kind: 'DaemonSet' }

/** The node that a daemon Pod is for: where it runs, or where its affinity sends it. */
export const targetNodeOf = (pod: Pod): string => {
  if (pod.spec?.nodeName) return pod.spec.nodeName
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  for (const term of terms) {
    for (const { key, operator, values } of term.matchFields ?? []) {
      if (key === 'metadata.name' && operator === 'In' && values?.length === 1) return values[0] ?? ''
    }
  }
  return ''
}

/** A Pod that the scheduler can put on that node only. */
export const buildDaemonPod = (daemonSet: DaemonSet, node: string, hash: string): Pod => {
  const template = daemonSet.spec?.template
  const spec = template?.spec
  const generation = annotationsOf(daemonSet)[templateGenerationAnnotation]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${nameOf(daemonSet)}-`,
      namespace: namespaceOf(daemonSet),
      labels: {
        ...template?.metadata?.labels,
        [revisionHashLabel]: hash,
        ...(generation === undefined ? {} : { 'pod-template-generation': generation }),
      },
      ...(template?.metadata?.annotations && { annotations: template.metadata.annotations }),
      ...(template?.metadata?.finalizers && { finalizers: template.metadata.finalizers }),
      ownerReferences: [newControllerRef(daemonSet, daemonSetType)],
    },
    ...(spec && {
      spec: {
        ...spec,
        tolerations: tolerationsOf(template),
        affinity: {
          ...spec.affinity,
          nodeAffinity: {
            ...spec.affinity?.nodeAffinity,
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
            },
          },
        },
      },
    }),
  }
}
