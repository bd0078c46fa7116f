import type { Node, Pod } from '../../api/types.ts'
import { allocatableOf, podResources, type Resources } from './resources.ts'

/** A used host port: protocol, address and port. */
export interface HostPort {
  readonly protocol: string
  readonly ip: string
  readonly port: number
}

export const hostPortsOf = (pod: Pod): HostPort[] =>
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')]
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map((port) => ({ protocol: port.protocol ?? 'TCP', ip: port.hostIP || '0.0.0.0', port: port.hostPort ?? 0 }))

/** Whether a Pod has any affinity, or anti-affinity, to other Pods. */
export const hasPodAffinity = (pod: Pod): boolean => {
  const affinity = pod.spec?.affinity
  return affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined
}

/** Whether a Pod keeps others away from where it is. */
export const hasRequiredPodAntiAffinity = (pod: Pod): boolean =>
  (pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0

/** `namespace/name` of the claims that a Pod names itself. */
export const claimKeysOf = (pod: Pod): string[] =>
  (pod.spec?.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) =>
    claim === undefined ? [] : [`${pod.metadata?.namespace}/${claim.claimName}`],
  )

/** A NodeInfo whose Node exists: all that plugins ever see. */
export type LiveNodeInfo = NodeInfo & { readonly node: Node }

export const isLive = (info: NodeInfo): info is LiveNodeInfo => info.node !== undefined

const imagesOf = (node: Node | undefined): ReadonlyMap<string, number> => {
  const images = new Map<string, number>()
  for (const { names = [], sizeBytes = 0 } of node?.status?.images ?? []) {
    for (const name of names) images.set(name, Number(sizeBytes))
  }
  return images
}

/** Kinds of Pods whose numbers a node remembers. */
const maxCounted = 32

/** A Node with all Pods that are, or are assumed to be, on it, and the sums that plugins ask for again and again. */
export class NodeInfo {
  readonly name: string
  /** Undefined while Pods name a node that is not (or no longer) known. */
  node: Node | undefined
  allocatable: Resources = new Map()
  readonly pods = new Map<string, Pod>()
  readonly podsWithAffinity = new Map<string, Pod>()
  readonly podsWithRequiredAntiAffinity = new Map<string, Pod>()
  readonly requested = new Map<string, number>()
  nonZeroMilliCpu = 0
  nonZeroMemory = 0
  readonly hostPorts: HostPort[] = []
  /** Sizes in bytes of the images that the node has, by each of their names. */
  images: ReadonlyMap<string, number> = new Map()
  /** How many Pods here use a claim, by `namespace/name`. */
  readonly claimUsers = new Map<string, number>()

  readonly #counted = new Map<string, number>()

  constructor(name: string) {
    this.name = name
  }

  setNode(node: Node | undefined): void {
    this.node = node
    this.images = imagesOf(node)
    this.allocatable = node === undefined ? new Map() : allocatableOf(node)
  }

  addPod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    this.pods.set(uid, pod)
    if (hasPodAffinity(pod)) {
      this.podsWithAffinity.set(uid, pod)
      if (hasRequiredPodAntiAffinity(pod)) this.podsWithRequiredAntiAffinity.set(uid, pod)
    }
    this.#count(pod, 1)
    this.hostPorts.push(...hostPortsOf(pod))
  }

  /** `pod` is the object that was added: its sums are taken off again. */
  removePod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    if (!this.pods.delete(uid)) return
    this.podsWithAffinity.delete(uid)
    this.podsWithRequiredAntiAffinity.delete(uid)
    this.#count(pod, -1)
    for (const used of hostPortsOf(pod)) {
      const index = this.hostPorts.findIndex(
        (port) => port.port === used.port && port.ip === used.ip && port.protocol === used.protocol,
      )
      if (index >= 0) this.hostPorts.splice(index, 1)
    }
  }

  /**
   * How many Pods `matches` takes. Remembered under `kind`, which says what `matches` asks for, until a Pod comes or
   * goes: in a big cluster a cycle changes one node of thousands.
   */
  countPods(kind: string, matches: (pod: Pod) => boolean): number {
    const known = this.#counted.get(kind)
    if (known !== undefined) return known
    let count = 0
    for (const pod of this.pods.values()) if (matches(pod)) count++
    if (this.#counted.size >= maxCounted) this.#counted.clear()
    this.#counted.set(kind, count)
    return count
  }

  /** A copy to which Pods may be added, and from which they may be removed, without a trace in this one. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name)
    copy.node = this.node
    copy.allocatable = this.allocatable
    copy.images = this.images
    for (const pod of this.pods.values()) copy.addPod(pod)
    return copy
  }

  #count(pod: Pod, sign: 1 | -1): void {
    if (this.#counted.size > 0) this.#counted.clear()
    const { requests, nonZero } = podResources(pod)
    for (const [name, amount] of requests) this.requested.set(name, (this.requested.get(name) ?? 0) + sign * amount)
    this.nonZeroMilliCpu += sign * nonZero.milliCpu
    this.nonZeroMemory += sign * nonZero.memory
    for (const key of claimKeysOf(pod)) {
      const users = (this.claimUsers.get(key) ?? 0) + sign
      if (users > 0) this.claimUsers.set(key, users)
      else this.claimUsers.delete(key)
    }
  }
}
