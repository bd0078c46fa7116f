/** What a Pod refers to by name: the objects that its node must be able to read. Pure. */
import type { Container, Pod, PodSpec } from '../../types.ts'

export type ReferencedKind = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts' | 'resourceclaims'

const inContainer = (container: Pick<Container, 'env' | 'envFrom'>, kind: ReferencedKind, name: string): boolean => {
  const from = container.envFrom ?? []
  const env = container.env ?? []
  if (kind === 'secrets') {
    return (
      from.some(({ secretRef }) => secretRef?.name === name) ||
      env.some(({ valueFrom }) => valueFrom?.secretKeyRef?.name === name)
    )
  }
  if (kind === 'configmaps') {
    return (
      from.some(({ configMapRef }) => configMapRef?.name === name) ||
      env.some(({ valueFrom }) => valueFrom?.configMapKeyRef?.name === name)
    )
  }
  return false
}

type Volume = NonNullable<PodSpec['volumes']>[number]

const volumeSecrets = (volume: Volume): (string | undefined)[] => [
  volume.secret?.secretName,
  volume.csi?.nodePublishSecretRef?.name,
  volume.iscsi?.secretRef?.name,
  volume.rbd?.secretRef?.name,
  volume.cephfs?.secretRef?.name,
  volume.flexVolume?.secretRef?.name,
  volume.azureFile?.secretName,
  volume.scaleIO?.secretRef?.name,
  volume.storageos?.secretRef?.name,
  ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
]

/** The claim of one volume of the Pod, its own ephemeral ones included; undefined for other kinds of volumes. */
export const volumeClaimName = (pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined =>
  persistentVolumeClaim?.claimName ?? (ephemeral ? `${pod.metadata?.name}-${name}` : undefined)

const inVolume = (pod: Pod, volume: Volume, kind: ReferencedKind, name: string): boolean => {
  switch (kind) {
    case 'secrets':
      return volumeSecrets(volume).includes(name)
    case 'configmaps':
      return (
        volume.configMap?.name === name ||
        (volume.projected?.sources ?? []).some(({ configMap }) => configMap?.name === name)
      )
    case 'persistentvolumeclaims':
      return volumeClaimName(pod, volume) === name
    case 'serviceaccounts':
    case 'resourceclaims':
      return false
  }
}

/** True if the Pod refers to the object of that kind and name in its own namespace. */
export const refersTo = (pod: Pod, kind: ReferencedKind, name: string): boolean => {
  const { spec } = pod
  if (spec === undefined) return false
  if (kind === 'serviceaccounts') return spec.serviceAccountName === name
  if (kind === 'resourceclaims') {
    return (
      (spec.resourceClaims ?? []).some(({ resourceClaimName }) => resourceClaimName === name) ||
      (pod.status?.resourceClaimStatuses ?? []).some(({ resourceClaimName }) => resourceClaimName === name)
    )
  }
  if (kind === 'secrets' && (spec.imagePullSecrets ?? []).some((secret) => secret.name === name)) return true
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
  return (
    containers.some((container) => inContainer(container, kind, name)) ||
    (spec.volumes ?? []).some((volume) => inVolume(pod, volume, kind, name))
  )
}

/** Whether the Pod refers to any Secret, and to any ConfigMap. */
export const podReferences = ({ spec }: Pod): { readonly secrets: boolean; readonly configmaps: boolean } => {
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ]
  const from = containers.flatMap(({ envFrom = [] }) => envFrom)
  const values = containers.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom ?? []))
  const volumes = spec?.volumes ?? []
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? [])
  return {
    secrets:
      (spec?.imagePullSecrets ?? []).length > 0 ||
      from.some(({ secretRef }) => secretRef !== undefined) ||
      values.some(({ secretKeyRef }) => secretKeyRef !== undefined) ||
      volumes.flatMap(volumeSecrets).some((name) => name !== undefined),
    configmaps:
      from.some(({ configMapRef }) => configMapRef !== undefined) ||
      values.some(({ configMapKeyRef }) => configMapKeyRef !== undefined) ||
      volumes.some(({ configMap }) => configMap !== undefined) ||
      projected.some(({ configMap }) => configMap !== undefined),
  }
}
