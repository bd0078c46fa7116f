import type { Namespace, Node, Pod } from '../../api/types.ts'
import { NodeInfo } from '../framework/node-info.ts'
import type { Snapshot } from '../framework/plugin.ts'

/**
 * Nodes and the Pods on them, kept up to date by informers, and Pods that are assumed to be where they were just
 * bound to. JavaScript runs one cycle at a time, so the cache itself is the snapshot: a cycle never awaits.
 */
export class SchedulerCache implements Snapshot {
  readonly #infos = new Map<string, NodeInfo>()
  /** What the cache counts for each Pod, by uid: removal must take off exactly what was added. */
  readonly #pods = new Map<string, Pod>()
  readonly #assumed = new Set<string>()
  #nodes: NodeInfo[] | undefined
  readonly namespaces: { get(name: string): Namespace | undefined }

  constructor(namespaces: { get(name: string): Namespace | undefined }) {
    this.namespaces = namespaces
  }

  get nodes(): readonly NodeInfo[] {
    this.#nodes ??= [...this.#infos.values()].filter((info) => info.node !== undefined)
    return this.#nodes
  }

  setNode(node: Node): void {
    const info = this.#infoOf(node.metadata?.name ?? '')
    if (info.node === undefined) this.#nodes = undefined
    info.setNode(node)
  }

  removeNode(name: string): void {
    const info = this.#infos.get(name)
    if (info === undefined) return
    info.setNode(undefined)
    this.#nodes = undefined
    this.#dropIfEmpty(info)
  }

  /** A Pod that has a node, as the API server knows it; ends an assumption about it. */
  setPod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    this.removePod(uid)
    this.#pods.set(uid, pod)
    this.#infoOf(pod.spec?.nodeName ?? '').addPod(pod)
  }

  removePod(uid: string): void {
    const pod = this.#pods.get(uid)
    this.#assumed.delete(uid)
    if (pod === undefined) return
    this.#pods.delete(uid)
    const info = this.#infos.get(pod.spec?.nodeName ?? '')
    if (info === undefined) return
    info.removePod(pod)
    this.#dropIfEmpty(info)
  }

  /** Counts a Pod on a node before the API server has heard of it. */
  assume(pod: Pod, nodeName: string): void {
    this.setPod({ ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName } })
    this.#assumed.add(pod.metadata?.uid ?? '')
  }

  /** Takes an assumption back, unless the API server has confirmed it meanwhile. */
  forget(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    if (this.#assumed.has(uid)) this.removePod(uid)
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid)
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
