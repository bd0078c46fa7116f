/**
 * Notices silent kubelets, says so on their Nodes and Pods, and taints the Nodes so that their Pods are replaced.
 * Heartbeats are new renewTimes of a Node's Lease and new heartbeat times of its status, timed by this process's own
 * clock when it sees them. No Node is polled: each has one timer for the end of its grace period.
 * Upstream: pkg/controller/nodelifecycle.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isPodReady } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { leases, nodes, pods } from '../../api/resources.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { podInformer, podsOnNode } from '../indexes.ts'
import { createdMs, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { all } from '../slow-start.ts'
import { queueOf, workersOf } from '../wiring.ts'
import {
  type EvictionTaint,
  hasEvictionTaint,
  readyStatus,
  sameTaints,
  taintsOf,
  unknownConditions,
} from './conditions.ts'
import { EvictionLimiter } from './eviction-limiter.ts'
import { evictionRates, zoneKey } from './zones.ts'

const leaseNamespace = 'kube-node-lease'
const concurrency = 8

const heartbeatOf = (node: Node): string | undefined =>
  findCondition(node.status?.conditions, 'Ready')?.lastHeartbeatTime

const conditionsText = (node: Node): string =>
  (node.status?.conditions ?? []).map(({ type, status }) => `${type}=${status}`).join()

export const nodeLifecycleController: Controller = {
  name: 'node-lifecycle-controller',
  eventSource: 'node-controller',
  serviceAccount: 'node-controller',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const queue = queueOf(context)
    const nodeCache = informers.for(nodes)
    const leaseCache = informers.for(leases, { namespace: leaseNamespace })
    const podCache = podInformer(informers)
    const limiter = new EvictionLimiter(clock)
    /** When a heartbeat was last seen, by node. */
    const seenMs = new Map<string, number>()
    /** Ready as of the last look: what changes is told once. */
    const lastReady = new Map<string, string>()
    const tell = (node: Node, reason: string, message: string): void => events.event(node, 'Normal', reason, message)

    leaseCache.addHandler({
      onAdd: (lease) => void seenMs.set(nameOf(lease), clock.now()),
      onUpdate: (old, lease) => {
        if (old.spec?.renewTime !== lease.spec?.renewTime) seenMs.set(nameOf(lease), clock.now())
      },
    })
    nodeCache.addHandler({
      onAdd: (node) => {
        const name = nameOf(node)
        const starting = findCondition(node.status?.conditions, 'Ready') === undefined
        if (!seenMs.has(name)) seenMs.set(name, starting ? createdMs(node) : clock.now())
        tell(node, 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`)
        queue.add(name)
      },
      onUpdate: (old, node) => {
        if (heartbeatOf(old) !== heartbeatOf(node)) seenMs.set(nameOf(node), clock.now())
        const same =
          conditionsText(old) === conditionsText(node) &&
          old.spec?.unschedulable === node.spec?.unschedulable &&
          sameTaints(old.spec?.taints ?? [], node.spec?.taints ?? [])
        if (!same) queue.add(nameOf(node))
      },
      onDelete: (node) => {
        const name = nameOf(node)
        seenMs.delete(name)
        lastReady.delete(name)
        tell(node, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`)
      },
    })

    const graceMs = (node: Node): number =>
      findCondition(node.status?.conditions, 'Ready') === undefined
        ? config['node-startup-grace-period']
        : config['node-monitor-grace-period']

    const markPodNotReady = async (pod: Pod): Promise<void> => {
      const condition = { type: 'Ready', status: 'False', lastTransitionTime: nowRfc3339(clock.now()) }
      const body = { metadata: { uid: uidOf(pod) }, status: { conditions: [condition] } }
      try {
        await client.patch(pods, nameOf(pod), namespaceOf(pod), body, { type: 'strategic', subresource: 'status' })
        events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }

    const noteReadiness = async (node: Node): Promise<void> => {
      const name = nameOf(node)
      const ready = readyStatus(node)
      if (findCondition(node.status?.conditions, 'Ready') === undefined || lastReady.get(name) === ready) return
      const wasReady = lastReady.get(name) !== 'False' && lastReady.get(name) !== 'Unknown'
      if (ready !== 'True' && wasReady) {
        if (lastReady.has(name)) tell(node, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
        // Done again after a restart: Pods that say so already are left alone.
        await all(podsOnNode(podCache.lister, name).filter(isPodReady), markPodNotReady)
      }
      lastReady.set(name, ready)
    }

    /** Whether the Node may be tainted for eviction now, and if not, when to ask again. */
    const mayEvict = (node: Node): { eviction: EvictionTaint; waitMs?: number } => {
      if (readyStatus(node) === 'True') return { eviction: 'remove' }
      const rates = evictionRates(nodeCache.lister.list(), {
        primary: config['node-eviction-rate'],
        secondary: config['secondary-node-eviction-rate'],
        largeClusterThreshold: config['large-cluster-size-threshold'],
        unhealthyThreshold: config['unhealthy-zone-threshold'],
      })
      const rate = rates.get(zoneKey(node)) ?? 0
      const allDark = [...rates.values()].every((value) => value === 0)
      const waitMs = config['node-monitor-period']
      if (rate === 0) return { eviction: allDark ? 'remove' : 'keep', waitMs }
      if (hasEvictionTaint(node)) return { eviction: 'keep' }
      const wait = limiter.take(zoneKey(node), rate)
      return wait === 0 ? { eviction: 'add' } : { eviction: 'keep', waitMs: wait }
    }

    const syncTaints = async (node: Node): Promise<number | undefined> => {
      const { eviction, waitMs } = mayEvict(node)
      const taints = taintsOf(node, eviction, clock.now())
      if (!sameTaints(taints, node.spec?.taints ?? [])) {
        const metadata = { resourceVersion: node.metadata?.resourceVersion }
        await client.patch(nodes, nameOf(node), undefined, { metadata, spec: { taints } }, { type: 'merge' })
      }
      return waitMs
    }

    const reconcile = async (name: string): Promise<{ requeueAfterMs: number } | undefined> => {
      let node = nodeCache.lister.get(name)
      if (node === undefined) return undefined
      const silentMs = clock.now() - (seenMs.get(name) ?? clock.now())
      const leftMs = graceMs(node) - silentMs
      if (leftMs <= 0) {
        const conditions = unknownConditions(node, clock.now())
        if (conditions !== node.status?.conditions) {
          const status = { ...node.status, conditions: [...conditions] }
          node = await client.update(nodes, { ...node, status }, { subresource: 'status' })
        }
      }
      await noteReadiness(node)
      const waitMs = await syncTaints(node)
      const waits = [waitMs, leftMs > 0 ? leftMs + 50 : undefined].filter((ms) => ms !== undefined)
      return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) }
    }
    return workersOf(context, { name: 'node-lifecycle-controller', queue, concurrency, reconcile })
  },
}
