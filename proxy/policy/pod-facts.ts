/** What policies need to know of a Pod, and nothing else. Pure. */
import { isDeepStrictEqual } from 'node:util'
import { parseIp } from '../../api/meta/cidr.ts'
import type { Pod } from '../../api/types.ts'
import { namedPort } from './compile.ts'

export interface PodFacts {
  /** `namespace/name`. */
  readonly key: string
  readonly uid: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** Where it is on the node's network, in the families it has. */
  readonly ips: readonly string[]
  /** True if it runs on this node: policies that select it are enforced here. */
  readonly isLocal: boolean
  /** Numbers of its named ports, as `tcp http` to 8080. */
  readonly ports: ReadonlyMap<string, number>
  /** Of two Pods that say they have an address, the one with the greater rank has it. */
  readonly rank: string
}

/** Addresses that this node's network plugin gave to a Pod, by its UID; they are known before its status tells. */
export type SandboxAddresses = ReadonlyMap<string, readonly string[]>

const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** The kubelet knows a static Pod by another UID than the API server, which has it in an annotation. */
const sandboxUidOf = ({ metadata }: Pod): string => metadata?.annotations?.[mirrorAnnotation] ?? metadata?.uid ?? ''

const namedPortsOf = ({ spec }: Pod): Map<string, number> => {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const ports = [...(spec?.containers ?? []), ...sidecars].flatMap((container) => container.ports ?? [])
  return new Map(
    ports.flatMap(({ name, protocol = 'TCP', containerPort }) =>
      name === undefined ? [] : [[namedPort(protocol.toLowerCase(), name), containerPort]],
    ),
  )
}

/**
 * Undefined for Pods that no policy is about: those on the host's network, those that ended and hold no address any
 * more, and those that have none yet.
 */
export const factsOf = (pod: Pod, nodeName: string, sandboxes: SandboxAddresses): PodFacts | undefined => {
  const { metadata, spec, status } = pod
  if (spec?.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined
  const isLocal = spec?.nodeName === nodeName
  const wired = isLocal ? sandboxes.get(sandboxUidOf(pod)) : undefined
  const told = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP])
  const ips = (wired ?? told).filter((ip) => parseIp(ip) !== undefined)
  if (ips.length === 0) return undefined
  const namespace = metadata?.namespace ?? ''
  const standing = `${wired === undefined ? 0 : 1}${metadata?.deletionTimestamp === undefined ? 1 : 0}`
  return {
    key: `${namespace}/${metadata?.name}`,
    uid: metadata?.uid ?? '',
    namespace,
    labels: metadata?.labels ?? {},
    ips,
    isLocal,
    ports: namedPortsOf(pod),
    rank: `${standing} ${String(metadata?.creationTimestamp ?? '')} ${metadata?.uid ?? ''}`,
  }
}

/** Pods as the cache holds them: a cluster's worth stands in every node's proxy. */
export const trimPod = ({ metadata, spec, status }: Pod): Pod => {
  const mirror = metadata?.annotations?.[mirrorAnnotation]
  const container = ({ name, ports, restartPolicy }: NonNullable<Pod['spec']>['containers'][number]) => ({
    name,
    ...(ports === undefined ? {} : { ports }),
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  })
  return {
    metadata: {
      ...(metadata?.name === undefined ? {} : { name: metadata.name }),
      ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }),
      ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
      ...(metadata?.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(mirror === undefined ? {} : { annotations: { [mirrorAnnotation]: mirror } }),
      ...(metadata?.creationTimestamp === undefined ? {} : { creationTimestamp: metadata.creationTimestamp }),
      ...(metadata?.deletionTimestamp === undefined ? {} : { deletionTimestamp: metadata.deletionTimestamp }),
    },
    spec: {
      ...(spec?.nodeName === undefined ? {} : { nodeName: spec.nodeName }),
      ...(spec?.hostNetwork === undefined ? {} : { hostNetwork: spec.hostNetwork }),
      containers: (spec?.containers ?? []).map(container),
      initContainers: (spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map(container),
    },
    status: {
      ...(status?.phase === undefined ? {} : { phase: status.phase }),
      ...(status?.podIP === undefined ? {} : { podIP: status.podIP }),
      ...(status?.podIPs === undefined ? {} : { podIPs: status.podIPs }),
    },
  }
}

/** Whether two readings of a Pod are the same to all policies. */
export const sameFacts = (a: PodFacts | undefined, b: PodFacts | undefined): boolean => isDeepStrictEqual(a, b)
