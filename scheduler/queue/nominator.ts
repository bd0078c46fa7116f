import type { Pod } from '../../api/types.ts'
import type { PodNominator } from '../framework/handle.ts'

/** Pods that preemption promised a node to, and that are not there yet. Upstream: backend/queue/nominator.go. */
export class Nominator implements PodNominator {
  readonly #nodeOf = new Map<string, string>()
  readonly #byNode = new Map<string, Map<string, Pod>>()

  nominatedPodsForNode(nodeName: string): readonly Pod[] {
    if (this.#byNode.size === 0) return none
    const pods = this.#byNode.get(nodeName)
    return pods === undefined ? none : [...pods.values()]
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodeOf.get(uid)
  }

  /** An empty name takes the nomination back. */
  nominate(pod: Pod, nodeName: string): void {
    const uid = pod.metadata?.uid ?? ''
    this.remove(uid)
    if (nodeName === '') return
    this.#nodeOf.set(uid, nodeName)
    const pods = this.#byNode.get(nodeName) ?? new Map<string, Pod>()
    this.#byNode.set(nodeName, pods.set(uid, pod))
  }

  /** What the API server says of a waiting Pod; one nominated here keeps its node until the API server names another. */
  follow(old: Pod | undefined, pod: Pod): void {
    const said = pod.status?.nominatedNodeName ?? ''
    const before = old?.status?.nominatedNodeName ?? ''
    // An update that is older than our nomination says nothing about it.
    const kept = said === '' && before === '' ? this.nodeOf(pod.metadata?.uid ?? '') : undefined
    this.nominate(pod, kept ?? said)
  }

  remove(uid: string): void {
    const nodeName = this.#nodeOf.get(uid)
    if (nodeName === undefined) return
    this.#nodeOf.delete(uid)
    const pods = this.#byNode.get(nodeName)
    pods?.delete(uid)
    if (pods?.size === 0) this.#byNode.delete(nodeName)
  }
}

const none: readonly Pod[] = []
