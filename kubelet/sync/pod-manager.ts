/** The Pods of this node from all sources, and the mirror Pods that stand for static ones in the API. */
import type { Pod } from '../../api/types.ts'
import { type BoundPod, configMirrorAnnotation, isStaticPod, podKey } from '../pod.ts'

export interface PodManager {
  set(pod: BoundPod): void
  delete(podUid: string): void
  get(podUid: string): BoundPod | undefined
  getByName(namespace: string, name: string): BoundPod | undefined
  list(): readonly BoundPod[]
  setMirror(pod: BoundPod): void
  deleteMirror(pod: BoundPod): void
  mirrorOf(pod: BoundPod): BoundPod | undefined
  mirrors(): readonly BoundPod[]
  /** The static Pod that a mirror stands for, undefined when it is gone or has changed. */
  staticOf(mirror: BoundPod): BoundPod | undefined
  /** The object in the API that carries the Pod's status. */
  apiObjectOf(pod: BoundPod): Pod | undefined
}

export const createPodManager = (): PodManager => {
  const pods = new Map<string, BoundPod>()
  const mirrors = new Map<string, BoundPod>()
  const getByName = (namespace: string, name: string): BoundPod | undefined => {
    let found: BoundPod | undefined
    // Two of one name exist while a replaced static Pod ends: the newer one was put in last.
    for (const pod of pods.values()) if (pod.metadata.namespace === namespace && pod.metadata.name === name) found = pod
    return found
  }
  return {
    set: (pod) => void pods.set(pod.metadata.uid, pod),
    delete: (podUid) => void pods.delete(podUid),
    get: (podUid) => pods.get(podUid),
    getByName,
    list: () => [...pods.values()],
    setMirror: (pod) => void mirrors.set(podKey(pod), pod),
    deleteMirror: (pod) => {
      if (mirrors.get(podKey(pod))?.metadata.uid === pod.metadata.uid) mirrors.delete(podKey(pod))
    },
    mirrorOf: (pod) => mirrors.get(podKey(pod)),
    mirrors: () => [...mirrors.values()],
    staticOf: (mirror) => {
      const pod = getByName(mirror.metadata.namespace, mirror.metadata.name)
      if (pod === undefined || !isStaticPod(pod)) return undefined
      return pod.metadata.uid === mirror.metadata.annotations?.[configMirrorAnnotation] ? pod : undefined
    },
    apiObjectOf: (pod) => (isStaticPod(pod) ? mirrors.get(podKey(pod)) : pod),
  }
}
