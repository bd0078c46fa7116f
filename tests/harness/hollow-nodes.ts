/** Nodes that exist as objects only, and what little a kubelet does for the Pods on them: run, and go when told to. */
import { nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import type { Node, Pod } from '../../api/types.ts'
import { createInformer } from '../../client/cache/informer.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'

export interface HollowNodeOptions {
  readonly labels?: Readonly<Record<string, string>>
  /** Over 8 CPUs, 32 GiB, 110 Pods. */
  readonly allocatable?: Readonly<Record<string, string>>
}

/** Creates a Ready node without taints. */
export const makeHollowNode = async (
  client: RestClient,
  name: string,
  { labels = {}, allocatable = {} }: HollowNodeOptions = {},
): Promise<void> => {
  const node: Node = { metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } } }
  await client.create(nodesRef, node)
  const resources = { cpu: '8', memory: '32Gi', pods: '110', ...allocatable }
  const status = {
    capacity: resources,
    allocatable: resources,
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
  }
  await client.patch(nodesRef, name, undefined, { status }, { type: 'merge', subresource: 'status' })
  await client.patch(nodesRef, name, undefined, { spec: { taints: null } }, { type: 'merge' })
}

/** The Pod was changed or deleted by somebody else: the next event tells. */
const ignore = (): undefined => undefined

/** Plays the kubelet of all nodes until the signal is aborted: Pods run at once, and end at once. */
export const runHollowKubelets = async (client: RestClient, signal: AbortSignal): Promise<void> => {
  const onPod = (pod: Pod): void => {
    const { name = '', namespace = '', uid, deletionTimestamp } = pod.metadata ?? {}
    if ((pod.spec?.nodeName ?? '') === '') return
    if (deletionTimestamp !== undefined) {
      void client
        .delete(podsRef, name, namespace, {
          gracePeriodSeconds: 0,
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        })
        .catch(ignore)
    } else if (pod.status?.phase === 'Pending') {
      const conditions = [{ type: 'Ready', status: 'True' }]
      const status = { phase: 'Running', startTime: new Date().toISOString(), conditions }
      void client
        .patch(podsRef, name, namespace, { metadata: { uid }, status }, { type: 'strategic', subresource: 'status' })
        .catch(ignore)
    }
  }
  const informer = createInformer(client, podsRef)
  informer.addHandler({ onAdd: onPod, onUpdate: (_old, pod) => onPod(pod) })
  void informer.start(signal).catch(ignore)
  await informer.whenSynced(signal)
}
