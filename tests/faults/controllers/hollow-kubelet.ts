/**
 * Nodes and kubelets that are objects only: they keep their Leases, say that Pods run, let Jobs' Pods end (now and then
 * in failure), and remove what is deleted. Nothing runs in containers.
 */
import { isReason } from '../../../api/meta/status-error.ts'
import { microTime, nowRfc3339 } from '../../../api/meta/time.ts'
import { leases, nodes, pods } from '../../../api/resources.ts'
import type { Pod } from '../../../api/types.ts'
import { createInformer } from '../../../client/cache/informer.ts'
import { runController } from '../../../client/controller/worker.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { createWorkQueue } from '../../../client/workqueue/work-queue.ts'
import { createLogger } from '../../../component-base/logging/logger.ts'

const runMs = 300
const stopMs = 200
const renewMs = 5_000
const resources = { cpu: '64', memory: '256Gi', pods: '500' }

export interface HollowNodes {
  readonly names: readonly string[]
  /** Resolves when all work has ended, after the signal. */
  readonly finished: Promise<void>
}

const register = async (client: RestClient, name: string): Promise<void> => {
  await client.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } } })
  const conditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
    type,
    status: type === 'Ready' ? 'True' : 'False',
    reason: 'HollowKubelet',
  }))
  const status = { capacity: resources, allocatable: resources, conditions }
  await client.patch(nodes, name, undefined, { status }, { type: 'merge', subresource: 'status' })
  await client.create(leases, { metadata: { name, namespace: 'kube-node-lease' }, spec: { holderIdentity: name } })
}

/** Of a Pod of a Job: every so many fail, always the same ones for one name. */
const fails = (pod: Pod): boolean => {
  const uid = pod.metadata?.uid ?? ''
  return pod.metadata?.labels?.['chaos/fails'] !== undefined && parseInt(uid.slice(0, 4), 16) % 4 === 0
}

const isJobPod = (pod: Pod): boolean => pod.metadata?.labels?.['batch.kubernetes.io/job-name'] !== undefined

let address = 0

/** What the Pod is to become next; undefined if it stays as it is. */
const nextStatus = (pod: Pod): { readonly afterMs: number; readonly status: object } | undefined => {
  const now = nowRfc3339(Date.now())
  const condition = (type: string, status: string) => ({ type, status, lastTransitionTime: now })
  const running = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => condition(type, 'True'))
  switch (pod.status?.phase ?? 'Pending') {
    case 'Pending': {
      address += 1
      const podIP = `10.200.${Math.floor(address / 250)}.${(address % 250) + 1}`
      return { afterMs: 0, status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: running } }
    }
    case 'Running': {
      if (!isJobPod(pod)) return undefined
      const exitCode = fails(pod) ? 1 : 0
      const state = { terminated: { exitCode, startedAt: now, finishedAt: now, reason: 'Completed' } }
      const containerStatuses = [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state }]
      const phase = exitCode === 0 ? 'Succeeded' : 'Failed'
      return { afterMs: runMs, status: { phase, conditions: [condition('Ready', 'False')], containerStatuses } }
    }
    default:
      return undefined
  }
}

/** Registers the Nodes and is their kubelet until the signal. */
export const startHollowNodes = async (
  client: RestClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<HollowNodes> => {
  for (const name of names) await register(client, name)
  const log = createLogger('hollow-kubelet')
  log.level = 'silent'
  const queue = createWorkQueue()
  const cache = createInformer(client, pods)
  const keyOf = ({ metadata }: Pod): string => `${metadata?.namespace}/${metadata?.name}`
  const isOurs = (pod: Pod): boolean => names.includes(pod.spec?.nodeName ?? '')
  const enqueue = (pod: Pod): void => {
    if (!isOurs(pod)) return
    if (pod.metadata?.deletionTimestamp !== undefined) queue.addAfter(keyOf(pod), stopMs)
    else queue.addAfter(keyOf(pod), nextStatus(pod)?.afterMs ?? 0)
  }
  cache.addHandler({ onAdd: enqueue, onUpdate: (_old, pod) => enqueue(pod) })

  const reconcile = async (key: string): Promise<undefined> => {
    const pod = cache.lister.get(key)
    if (pod === undefined) return
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
    try {
      if (pod.metadata?.deletionTimestamp !== undefined) {
        const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
        // As the kubelet does: a Job's Pod has ended before it is gone, so that it can be counted.
        if (isJobPod(pod) && !isOver) {
          const status = { phase: 'Failed', conditions: [{ type: 'Ready', status: 'False' }] }
          await client.patch(
            pods,
            name,
            namespace,
            { metadata: { uid }, status },
            { type: 'merge', subresource: 'status' },
          )
        }
        if (pod.metadata.deletionGracePeriodSeconds !== 0) {
          await client.delete(pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } })
        }
        return
      }
      const next = nextStatus(pod)
      if (next === undefined) return
      const body = { metadata: { uid }, status: next.status }
      await client.patch(pods, name, namespace, body, { type: 'strategic', subresource: 'status' })
    } catch (error) {
      // Gone, or another Pod of the name.
      if (!isReason(error, 'NotFound', 'Conflict', 'Invalid')) throw error
    }
  }
  const renew = async (): Promise<void> => {
    while (!signal.aborted) {
      for (const name of names) {
        const spec = { renewTime: microTime(Date.now()) }
        await client.patch(leases, name, 'kube-node-lease', { spec }, { type: 'merge' }).catch(() => undefined)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, renewMs)
        signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
      })
    }
  }
  const informer = cache.start(signal)
  await cache.whenSynced(signal)
  const workers = runController({ name: 'hollow-kubelet', log, queue, concurrency: 8, reconcile, signal })
  return { names, finished: Promise.all([informer, workers, renew()]).then(() => undefined) }
}
