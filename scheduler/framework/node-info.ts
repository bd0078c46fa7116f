import type { Node, Pod } from '../../api/types.ts'
import { allocatableOf, podResources, type Resources } from './resources.ts'

/** A used host port: protocol, address and port in one string, so that a Set can hold it. */
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

const hasPodAffinity = (pod: Pod): boolean => {
  const affinity = pod.spec?.affinity
  return affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined
}

/** A Node with all Pods that are, or are assumed to be, on it, and the sums that plugins ask for again and again. */
export class NodeInfo {
  readonly name: string
  /** Undefined while Pods name a node that is not (or no longer) known. */
  node: Node | undefined
  allocatable: Resources = new Map()
  readonly pods = new Map<string, Pod>()
  readonly podsWithAffinity = new Map<string, Pod>()
  readonly requested = new Map<string, number>()
  nonZeroMilliCpu = 0
  nonZeroMemory = 0
  readonly hostPorts: HostPort[] = []

  constructor(name: string) {
    this.name = name
  }

  setNode(node: Node | undefined): void {
    this.node = node
    this.allocatable = node === undefined ? new Map() : allocatableOf(node)
  }

  addPod(pod: Pod): void {
    this.pods.set(pod.metadata?.uid ?? '', pod)
    if (hasPodAffinity(pod)) this.podsWithAffinity.set(pod.metadata?.uid ?? '', pod)
    this.#count(pod, 1)
    this.hostPorts.push(...hostPortsOf(pod))
  }

  /** `pod` is the object that was added: its sums are taken off again. */
  removePod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    if (!this.pods.delete(uid)) return
    this.podsWithAffinity.delete(uid)
    this.#count(pod, -1)
    for (const used of hostPortsOf(pod)) {
      const index = this.hostPorts.findIndex(
        (port) => port.port === used.port && port.ip === used.ip && port.protocol === used.protocol,
      )
      if (index >= 0) this.hostPorts.splice(index, 1)
    }
  }

  #count(pod: Pod, sign: 1 | -1): void {
    const { requests, nonZero } = podResources(pod)
    for (const [name, amount] of requests) this.requested.set(name, (this.requested.get(name) ?? 0) + sign * amount)
    this.nonZeroMilliCpu += sign * nonZero.milliCpu
    this.nonZeroMemory += sign * nonZero.memory
  }
}
