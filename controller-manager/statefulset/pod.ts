/** Names, Pods and claims of a StatefulSet. Upstream: pkg/controller/statefulset/stateful_set_utils.go. */
import { newControllerRef } from '../../api/meta/owners.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from '../../api/types.ts'
import { labelsOf, nameOf, namespaceOf } from '../objects.ts'

export const revisionLabel = 'controller-revision-hash'
const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'
export const statefulSetType = { group: 'apps', version: 'v1', kind: 'StatefulSet' }

/** The ordinal at the end of a Pod's name; -1 if it is not one of the set's names. */
export const ordinalOf = (set: StatefulSet, pod: Pod): number => {
  const name = nameOf(pod)
  const prefix = `${nameOf(set)}-`
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  return /^\d{1,10}$/.test(rest) ? Number(rest) : -1
}

export const startOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0
export const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1
export const revisionOf = (pod: Pod): string => labelsOf(pod)[revisionLabel] ?? ''

export const claimName = (set: StatefulSet, template: string, ordinal: number): string =>
  `${template}-${nameOf(set)}-${ordinal}`

/** The Pod of an ordinal in a revision; `template` is that revision's. */
export const buildStatefulPod = (
  set: StatefulSet,
  template: PodTemplateSpec | undefined,
  ordinal: number,
  revision: string,
): Pod => {
  const name = `${nameOf(set)}-${ordinal}`
  const spec = template?.spec
  const claims = (set.spec?.volumeClaimTemplates ?? []).map((claim) => nameOf(claim))
  const volumes = [
    ...claims.map((claim) => ({
      name: claim,
      persistentVolumeClaim: { claimName: claimName(set, claim, ordinal) },
    })),
    ...(spec?.volumes ?? []).filter((volume) => !claims.includes(volume.name)),
  ]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: namespaceOf(set),
      labels: {
        ...template?.metadata?.labels,
        [podNameLabel]: name,
        [podIndexLabel]: String(ordinal),
        [revisionLabel]: revision,
      },
      ...(template?.metadata?.annotations && { annotations: template.metadata.annotations }),
      ...(template?.metadata?.finalizers && { finalizers: template.metadata.finalizers }),
      ownerReferences: [newControllerRef(set, statefulSetType)],
    },
    ...(spec && {
      spec: {
        ...spec,
        hostname: name,
        ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
        ...(volumes.length > 0 && { volumes }),
      },
    }),
  }
}

/** The claims that the Pod of an ordinal needs. */
export const buildClaims = (set: StatefulSet, ordinal: number): PersistentVolumeClaim[] =>
  (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata,
      name: claimName(set, nameOf(template), ordinal),
      namespace: namespaceOf(set),
      labels: { ...template.metadata?.labels, ...set.spec?.selector.matchLabels },
    },
  }))

/** Labels that the Pod has lost and that its identity needs; undefined if it has them all. Upstream: identityMatches. */
export const missingIdentity = (set: StatefulSet, pod: Pod): Record<string, string> | undefined => {
  const ordinal = ordinalOf(set, pod)
  if (ordinal < 0) return undefined
  const wanted = { [podNameLabel]: nameOf(pod), [podIndexLabel]: String(ordinal) }
  const labels = labelsOf(pod)
  const missing = Object.entries(wanted).filter(([key, value]) => labels[key] !== value)
  return missing.length === 0 ? undefined : Object.fromEntries(missing)
}
