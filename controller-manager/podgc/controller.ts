/** Removes Pods that no kubelet and no owner would. Upstream: pkg/controller/podgc. */
import { isPodTerminal } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nodes, pods } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { markDisrupted } from '../disruption-target.ts'
import { podInformer } from '../indexes.ts'
import { isDeleting, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { all } from '../slow-start.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { planPodGc } from './plan.ts'

/** Upstream: gcCheckPeriod and quarantineTime. */
const periodMs = 20_000
const quarantineMs = 40_000
const syncKey = 'pods'

export const podGarbageCollector: Controller = {
  name: 'pod-garbage-collector-controller',
  serviceAccount: 'pod-garbage-collector',
  setup: (context) => {
    const { client, informers, clock, config } = context
    const queue = queueOf(context)
    const nodeCache = informers.for(nodes)
    const podCache = podInformer(informers)
    /** Since when a Node that Pods name has been missing. */
    const missing = new Map<string, number>()
    nodeCache.addHandler({ onDelete: () => queue.addAfter(syncKey, quarantineMs) })
    podCache.addHandler({
      onUpdate: (_old, pod) => {
        // Nothing else finishes these: a user waits.
        if (isDeleting(pod) && (pod.spec?.nodeName ?? '') === '') queue.add(syncKey)
      },
    })

    const forceDelete = async (pod: Pod): Promise<void> => {
      try {
        await client.delete(pods, nameOf(pod), namespaceOf(pod), {
          gracePeriodSeconds: 0,
          preconditions: { uid: uidOf(pod) },
        })
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error
      }
    }

    /** No kubelet is left to say that it has ended: its owner (a Job, say) waits to hear it. */
    const markFailed = async (pod: Pod): Promise<void> => {
      if (isPodTerminal(pod)) return
      const body = { metadata: { uid: uidOf(pod) }, status: { phase: 'Failed' } }
      const options = { type: 'strategic', subresource: 'status' } as const
      await client.patch(pods, nameOf(pod), namespaceOf(pod), body, options)
    }

    const remove = async (pod: Pod, reason: { reason: string; message: string } | undefined): Promise<void> => {
      try {
        if (reason === undefined) await markFailed(pod)
        else await markDisrupted(client, pod, { ...reason, nowMs: clock.now(), phase: 'Failed' })
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error
      }
      await forceDelete(pod)
    }

    /** Nodes that have been missing for the quarantine, and are not there when asked for. */
    const goneNodes = async (orphaned: readonly Pod[]): Promise<Set<string>> => {
      const named = new Set(orphaned.map((pod) => pod.spec?.nodeName ?? ''))
      for (const node of missing.keys()) if (!named.has(node)) missing.delete(node)
      const gone = new Set<string>()
      for (const node of named) {
        const since = missing.get(node) ?? clock.now()
        missing.set(node, since)
        if (clock.now() - since < quarantineMs) continue
        await client.get(nodes, node).catch((error: unknown) => {
          if (!isReason(error, 'NotFound')) throw error
          gone.add(node)
        })
      }
      return gone
    }

    const reconcile = async (): Promise<{ requeueAfterMs: number }> => {
      const byName = new Map(nodeCache.lister.list().map((node) => [nameOf(node), node]))
      const plan = planPodGc(podCache.lister.list(), byName, config['terminated-pod-gc-threshold'])
      const gone = await goneNodes(plan.orphaned)
      const orphaned = plan.orphaned.filter((pod) => gone.has(pod.spec?.nodeName ?? ''))
      await all(plan.terminated, (pod) => remove(pod, undefined))
      await all(plan.unscheduled, (pod) => remove(pod, undefined))
      await all(plan.outOfService, (pod) => remove(pod, undefined))
      await all(orphaned, (pod) => remove(pod, { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }))
      return { requeueAfterMs: periodMs }
    }
    const run = workersOf(context, { name: 'pod-garbage-collector-controller', queue, concurrency: 1, reconcile })
    return () => {
      queue.add(syncKey)
      return run()
    }
  },
}
