import type { Namespace, Node, Pod } from '../../api/types.ts'
import type { Snapshot } from '../framework/handle.ts'
import { isLive, type LiveNodeInfo, NodeInfo } from '../framework/node-info.ts'
import { zoneOf, zoneRoundRobin } from './node-order.ts'

/**
 * Nodes and the Pods on them, kept up to date by informers, and Pods that are assumed to be where they were just
 * bound to. JavaScript runs one cycle at a time, so the cache itself is the snapshot: a cycle never awaits.
 */
export class SchedulerCache implements Snapshot {
  readonly #infos = new Map<string, NodeInfo>()
  /** What the cache counts for each Pod, by uid: removal must take off exactly what was added. */
  readonly #pods = new Map<string, Pod>()
  readonly #assumed = new Set<string>()
  readonly #withAffinity = new Set<NodeInfo>()
  readonly #withAntiAffinity = new Set<NodeInfo>()
  /** Nodes that have an image, by its name. */
  readonly #imageNodes = new Map<string, number>()
  #nodes: LiveNodeInfo[] | undefined
  #generation = 0
  readonly namespaces: { get(name: string): Namespace | undefined }

  constructor(namespaces: { get(name: string): Namespace | undefined }) {
    this.namespaces = namespaces
  }

  get nodes(): readonly LiveNodeInfo[] {
    this.#nodes ??= zoneRoundRobin([...this.#infos.values()].filter(isLive))
    return this.#nodes
  }

  get(nodeName: string): LiveNodeInfo | undefined {
    const info = this.#infos.get(nodeName)
    return info !== undefined && isLive(info) ? info : undefined
  }

  get nodesWithPodAffinity(): Iterable<LiveNodeInfo> {
    return this.#withAffinity.values().filter(isLive)
  }

  get nodesWithPodAntiAffinity(): Iterable<LiveNodeInfo> {
    return this.#withAntiAffinity.values().filter(isLive)
  }

  nodesWithImage(name: string): number {
    return this.#imageNodes.get(name) ?? 0
  }

  /** For metrics. */
  get size(): { readonly nodes: number; readonly pods: number; readonly assumed_pods: number } {
    return { nodes: this.nodes.length, pods: this.#pods.size, assumed_pods: this.#assumed.size }
  }

  get generation(): number {
    return this.#generation
  }

  setNode(node: Node): void {
    const info = this.#infoOf(node.metadata?.name ?? '')
    const moved = zoneOf(info.node) !== zoneOf(node)
    if (info.node === undefined || moved) this.#nodes = undefined
    const had = info.images
    info.setNode(node)
    this.#countImages(had, info.images)
    this.#generation++
  }

  removeNode(name: string): void {
    const info = this.#infos.get(name)
    if (info === undefined) return
    this.#countImages(info.images, new Map())
    info.setNode(undefined)
    this.#nodes = undefined
    this.#generation++
    this.#dropIfEmpty(info)
  }

  /** A Pod that has a node, as the API server knows it; ends an assumption about it. */
  setPod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    this.removePod(uid)
    this.#pods.set(uid, pod)
    const info = this.#infoOf(pod.spec?.nodeName ?? '')
    info.addPod(pod)
    this.#index(info)
  }

  removePod(uid: string): void {
    const pod = this.#pods.get(uid)
    this.#assumed.delete(uid)
    this.#generation++
    if (pod === undefined) return
    this.#pods.delete(uid)
    const info = this.#infos.get(pod.spec?.nodeName ?? '')
    if (info === undefined) return
    info.removePod(pod)
    this.#index(info)
    this.#dropIfEmpty(info)
  }

  /** Counts a Pod on a node before the API server has heard of it, and returns it as it will be. */
  assume(pod: Pod, nodeName: string): Pod {
    const assumed: Pod = { ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName } }
    this.setPod(assumed)
    this.#assumed.add(pod.metadata?.uid ?? '')
    return assumed
  }

  /** Takes an assumption back, unless the API server has confirmed it meanwhile. */
  forget(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    if (this.#assumed.has(uid)) this.removePod(uid)
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid)
  }

  #countImages(had: ReadonlyMap<string, number>, has: ReadonlyMap<string, number>): void {
    const change = (name: string, by: 1 | -1): void => {
      const nodes = (this.#imageNodes.get(name) ?? 0) + by
      if (nodes > 0) this.#imageNodes.set(name, nodes)
      else this.#imageNodes.delete(name)
    }
    for (const name of had.keys()) if (!has.has(name)) change(name, -1)
    for (const name of has.keys()) if (!had.has(name)) change(name, 1)
  }

  /** Nodes that have such Pods are few, or all: they are found without looking at every node. */
  #index(info: NodeInfo): void {
    const { podsWithAffinity, podsWithRequiredAntiAffinity } = info
    if (podsWithAffinity.size > 0) this.#withAffinity.add(info)
    else this.#withAffinity.delete(info)
    if (podsWithRequiredAntiAffinity.size > 0) this.#withAntiAffinity.add(info)
    else this.#withAntiAffinity.delete(info)
  }

  #infoOf(name: string): NodeInfo {
    const known = this.#infos.get(name)
    if (known !== undefined) return known
    const info = new NodeInfo(name)
    this.#infos.set(name, info)
    return info
  }

  #dropIfEmpty(info: NodeInfo): void {
    if (info.node === undefined && info.pods.size === 0) this.#infos.delete(info.name)
  }
}
