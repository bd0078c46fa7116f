/** A Pod as the kubelet's managers take it: named and with a spec. */
import type { Container, ObjectMeta, Pod, PodSpec } from '../api/types.ts'
import type { ContainerType } from './runtime/labels.ts'

export type BoundPod = Pod & {
  metadata: ObjectMeta & { name: string; namespace: string; uid: string }
  spec: PodSpec
}

/** Narrows what came over the wire; undefined when it is no runnable Pod. */
export const asBoundPod = (pod: Pod): BoundPod | undefined => {
  const { metadata, spec } = pod
  if (metadata?.name === undefined || metadata.namespace === undefined || metadata.uid === undefined) return undefined
  return spec === undefined ? undefined : (pod as BoundPod)
}

/** `namespace/name`: the key of logs and caches. */
export const podKey = ({ metadata }: BoundPod): string => `${metadata.namespace}/${metadata.name}`
/** `name_namespace(uid)`: how upstream's messages name a Pod. */
export const formatPod = ({ metadata }: BoundPod): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`

export interface PodContainer {
  readonly container: Container
  readonly type: ContainerType
}

const ephemeralAsContainer = (ephemeral: NonNullable<PodSpec['ephemeralContainers']>[number]): Container => {
  const { targetContainerName: _target, ...container } = ephemeral
  return container as Container
}

/** Every container in the order of start: init (with sidecars), regular, ephemeral. */
export const containersOf = ({ spec }: BoundPod): PodContainer[] => [
  ...(spec.initContainers ?? []).map(
    (container): PodContainer => ({
      container,
      type: container.restartPolicy === 'Always' ? 'sidecar' : 'init',
    }),
  ),
  ...spec.containers.map((container): PodContainer => ({ container, type: 'container' })),
  ...(spec.ephemeralContainers ?? []).map(
    (ephemeral): PodContainer => ({
      container: ephemeralAsContainer(ephemeral),
      type: 'ephemeral',
    }),
  ),
]

export const findContainer = (pod: BoundPod, name: string): PodContainer | undefined =>
  containersOf(pod).find(({ container }) => container.name === name)

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'
export const restartPolicyOf = ({ spec }: BoundPod): RestartPolicy => {
  const policy = spec.restartPolicy
  return policy === 'Never' || policy === 'OnFailure' ? policy : 'Always'
}

/** Where the Pod came from: 'api', or 'file' for static Pods. */
export const configSourceAnnotation = 'kubernetes.io/config.source'
export const configHashAnnotation = 'kubernetes.io/config.hash'
export const configMirrorAnnotation = 'kubernetes.io/config.mirror'
export const configSeenAnnotation = 'kubernetes.io/config.seen'

export const isStaticPod = ({ metadata }: BoundPod): boolean => {
  const source = metadata.annotations?.[configSourceAnnotation]
  return source !== undefined && source !== 'api'
}
/** The API server's picture of a static Pod. */
export const isMirrorPod = (pod: Pod): boolean => pod.metadata?.annotations?.[configMirrorAnnotation] !== undefined

/** From here on a priority is of the system's own. */
export const systemCriticalPriority = 2_000_000_000

/** Neither evicted nor turned away for want of room: static Pods, and those of the highest priorities. */
export const isCriticalPod = (pod: BoundPod): boolean =>
  isStaticPod(pod) || isMirrorPod(pod) || (pod.spec.priority ?? 0) >= systemCriticalPriority

export const isHostNetwork = ({ spec }: BoundPod): boolean => spec.hostNetwork === true

/** Host name inside the Pod and its domain ('' when it has none). Upstream: GeneratePodHostNameAndDomain. */
export const hostnameOf = (
  { metadata, spec }: BoundPod,
  clusterDomain: string,
): { hostname: string; domain: string } => {
  const given = spec.hostname !== undefined && spec.hostname !== '' ? spec.hostname : metadata.name
  // A host name has at most 63 characters and does not end in a dash or dot.
  const hostname = given.slice(0, 63).replace(/[-.]+$/, '')
  const subdomain = spec.subdomain ?? ''
  return { hostname, domain: subdomain === '' ? '' : `${subdomain}.${metadata.namespace}.svc.${clusterDomain}` }
}
