/** Mirror Pods: what the API server shows of static Pods. Upstream: pkg/kubelet/pod/mirror_client.go. */
import { isReason } from '../../api/meta/status-error.ts'
import { pods as podsRef } from '../../api/resources.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { type BoundPod, configHashAnnotation, configMirrorAnnotation, isStaticPod } from '../pod.ts'
import type { PodManager } from './pod-manager.ts'

export interface MirrorPods {
  /** Static Pods or their mirrors have changed. */
  wake(): void
  run(signal: AbortSignal): Promise<void>
}

export interface MirrorPodsDeps {
  readonly client: RestClient
  readonly pods: PodManager
  readonly node: () => Node | undefined
  readonly log: Logger
}

const retryMs = 5000

const mirrorFor = (pod: BoundPod, node: Node): Pod => {
  const { uid: _uid, ...metadata } = structuredClone(pod.metadata)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        [configMirrorAnnotation]: metadata.annotations?.[configHashAnnotation] ?? '',
      },
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Node',
          name: node.metadata?.name ?? '',
          uid: node.metadata?.uid ?? '',
          controller: true,
        },
      ],
    },
    spec: structuredClone(pod.spec),
  }
}

export const createMirrorPods = ({ client, pods, node, log }: MirrorPodsDeps): MirrorPods => {
  let wakeUp = (): void => undefined
  let dirty = true

  const remove = async (mirror: BoundPod): Promise<void> => {
    const { name, namespace, uid } = mirror.metadata
    await client
      .delete(podsRef, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } })
      .catch((error: unknown) => {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error
      })
  }

  const reconcile = async (): Promise<void> => {
    const self = node()
    if (self?.metadata?.uid === undefined) throw new Error('the node is not registered yet')
    for (const mirror of pods.mirrors())
      if (pods.staticOf(mirror) === undefined || mirror.metadata.deletionTimestamp !== undefined) await remove(mirror)
    for (const pod of pods.list()) {
      if (!isStaticPod(pod) || pods.mirrorOf(pod) !== undefined) continue
      await client.create(podsRef, mirrorFor(pod, self)).catch((error: unknown) => {
        if (!isReason(error, 'AlreadyExists')) throw error
      })
    }
  }

  return {
    wake: () => {
      dirty = true
      wakeUp()
    },
    run: async (signal) => {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => (wakeUp = resolve))
        if (!dirty) await Promise.race([woken, sleep(2 ** 30, signal).catch(() => undefined)])
        dirty = false
        if (signal.aborted) return
        await reconcile().catch(async (error: unknown) => {
          log.debug({ err: error }, 'mirror pods are not in order yet')
          dirty = true
          await sleep(retryMs, signal).catch(() => undefined)
        })
      }
    },
  }
}
