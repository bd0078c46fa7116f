/** Deletes Pods from Nodes with NoExecute taints when their tolerations end. Upstream: pkg/controller/tainteviction. */
import { isReason } from '../../api/meta/status-error.ts'
import { nodes, pods } from '../../api/resources.ts'
import type { Node, Pod, Taint } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { markDisrupted } from '../disruption-target.ts'
import { podInformer, podsOnNode } from '../indexes.ts'
import { keyOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { planEviction } from './plan.ts'

const concurrency = 8

const noExecute = (node: Node | undefined): Taint[] =>
  (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')

export const taintEvictionController: Controller = {
  name: 'taint-eviction-controller',
  serviceAccount: 'node-controller',
  setup: (context) => {
    const { client, informers, clock, events } = context
    const queue = queueOf(context)
    const nodeCache = informers.for(nodes)
    const podCache = podInformer(informers)
    /** Keys of Pods whose eviction has been announced: told again if it is called off. */
    const scheduled = new Set<string>()
    const enqueueOf = (node: Node): void => {
      for (const pod of podsOnNode(podCache.lister, nameOf(node))) queue.add(keyOf(pod))
    }
    nodeCache.addHandler({
      onAdd: (node) => {
        if (noExecute(node).length > 0) enqueueOf(node)
      },
      onUpdate: (old, node) => {
        if (!semanticEqual(noExecute(old), noExecute(node))) enqueueOf(node)
      },
    })
    const enqueuePod = (pod: Pod): void => {
      const node = pod.spec?.nodeName
      if (node && noExecute(nodeCache.lister.get(node)).length > 0) queue.add(keyOf(pod))
    }
    podCache.addHandler({
      onAdd: enqueuePod,
      onUpdate: (old, pod) => {
        const same =
          old.spec?.nodeName === pod.spec?.nodeName && semanticEqual(old.spec?.tolerations, pod.spec?.tolerations)
        if (!same) enqueuePod(pod)
      },
      onDelete: (pod) => void scheduled.delete(keyOf(pod)),
    })

    const evict = async (pod: Pod): Promise<void> => {
      const subject = `${namespaceOf(pod)}/${nameOf(pod)}`
      events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${subject}`)
      try {
        await markDisrupted(client, pod, {
          reason: 'DeletionByTaintManager',
          message: 'Taint manager: deleting due to NoExecute taint',
          nowMs: clock.now(),
        })
        await client.delete(pods, nameOf(pod), namespaceOf(pod), { preconditions: { uid: uidOf(pod) } })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const pod = podCache.lister.get(key)
      if (pod === undefined) return undefined
      const plan = planEviction(pod, noExecute(nodeCache.lister.get(pod.spec?.nodeName ?? '')), clock.now())
      switch (plan.type) {
        case 'stay':
          if (scheduled.delete(key))
            events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`)
          return undefined
        case 'evictAt':
          scheduled.add(key)
          return { requeueAfterMs: plan.atMs - clock.now() }
        case 'evict':
          await evict(pod)
          scheduled.delete(key)
          return undefined
      }
    }
    return workersOf(context, { name: 'taint-eviction-controller', queue, concurrency, reconcile })
  },
}
