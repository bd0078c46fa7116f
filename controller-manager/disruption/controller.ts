/** Keeps the status of PodDisruptionBudgets, which evictions are decided by. Upstream: pkg/controller/disruption. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { controllerOf } from '../../api/meta/owners.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import {
  deployments,
  podDisruptionBudgets,
  pods as podsRef,
  replicationControllers,
  resourcePath,
  resourceRef,
  statefulSets,
} from '../../api/resources.ts'
import type { KubeObject, OwnerReference, Pod, PodDisruptionBudget, Scale } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { discover } from '../discovery.ts'
import { messageOf } from '../errors.ts'
import { podInformer, replicaSetInformer } from '../indexes.ts'
import { keyOf, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { sameStatus, semanticEqual } from '../semantic-equal.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { failedBudget, needsWanted, planBudget } from './plan.ts'
import { staleAtMs } from './stale-condition.ts'

export const disruptionController: Controller = {
  name: 'disruption-controller',
  eventSource: 'controllermanager',
  serviceAccount: 'disruption-controller',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const queue = queueOf(context)
    const budgets = informers.for(podDisruptionBudgets)
    const podCache = podInformer(informers)
    const replicaSetCache = replicaSetInformer(informers)
    const deploymentCache = informers.for(deployments)
    const statefulSetCache = informers.for(statefulSets)
    const rcCache = informers.for(replicationControllers)

    const matches = (budget: PodDisruptionBudget, pod: Pod): boolean =>
      matcherFromLabelSelector(budget.spec?.selector)(labelsOf(pod))
    const enqueueOf = (pod: Pod): void => {
      for (const budget of budgets.lister.byNamespace(namespaceOf(pod))) {
        if (matches(budget, pod)) queue.add(keyOf(budget))
      }
    }
    const staleQueue = queueOf(context)
    const enqueueStale = (pod: Pod): void => {
      const atMs = staleAtMs(pod)
      if (atMs !== undefined) staleQueue.addAfter(keyOf(pod), atMs - clock.now())
    }
    onAnyChange(budgets, enqueueSelf(queue))
    podCache.addHandler({
      onAdd: (pod) => {
        enqueueOf(pod)
        enqueueStale(pod)
      },
      onDelete: enqueueOf,
      onUpdate: (old, pod) => {
        enqueueOf(pod)
        enqueueStale(pod)
        if (!semanticEqual(labelsOf(old), labelsOf(pod), 'labels')) enqueueOf(old)
      },
    })
    const enqueueNamespace = (object: KubeObject): void => {
      for (const budget of budgets.lister.byNamespace(namespaceOf(object))) queue.add(keyOf(budget))
    }
    const onScale = {
      onUpdate: (
        old: KubeObject & { spec?: { replicas?: number } },
        next: KubeObject & { spec?: { replicas?: number } },
      ): void => {
        if (old.spec?.replicas !== next.spec?.replicas) enqueueNamespace(next)
      },
    }
    replicaSetCache.addHandler(onScale)
    deploymentCache.addHandler(onScale)
    statefulSetCache.addHandler(onScale)
    rcCache.addHandler(onScale)

    /** Replicas of a controller of any other kind, by its scale subresource. */
    const scaleOf = async (namespace: string, owner: OwnerReference): Promise<number> => {
      const { all } = await discover(client)
      const found = all.find(({ group, version, kind }) => {
        return (group === '' ? version : `${group}/${version}`) === owner.apiVersion && kind === owner.kind
      })
      if (found === undefined) throw new Error(`no resource is known for kind ${owner.kind}`)
      const path = resourcePath(resourceRef<KubeObject>(found), namespace, owner.name, 'scale')
      const scale = (await client.raw('GET', path)) as Scale
      return scale.spec?.replicas ?? 0
    }

    /** The object whose replicas count for the Pod's controller: a Deployment rather than its ReplicaSet. */
    const scaleTarget = async (namespace: string, owner: OwnerReference): Promise<{ id: string; replicas: number }> => {
      const key = `${namespace}/${owner.name}`
      const target = (object: { spec?: { replicas?: number } }, kind: string, name: string) => ({
        id: `${kind}/${name}`,
        replicas: object.spec?.replicas ?? 1,
      })
      if (owner.kind === 'ReplicaSet') {
        const replicaSet = replicaSetCache.lister.get(key)
        const parent = replicaSet === undefined ? undefined : controllerOf(replicaSet)
        const deployment =
          parent?.kind === 'Deployment' ? deploymentCache.lister.get(`${namespace}/${parent.name}`) : undefined
        if (deployment !== undefined) return target(deployment, 'Deployment', nameOf(deployment))
        if (replicaSet !== undefined) return target(replicaSet, 'ReplicaSet', owner.name)
      }
      const statefulSet = owner.kind === 'StatefulSet' ? statefulSetCache.lister.get(key) : undefined
      if (statefulSet !== undefined) return target(statefulSet, owner.kind, owner.name)
      const rc = owner.kind === 'ReplicationController' ? rcCache.lister.get(key) : undefined
      if (rc !== undefined) return target(rc, owner.kind, owner.name)
      return { id: `${owner.kind}/${owner.name}`, replicas: await scaleOf(namespace, owner) }
    }

    const wantedReplicas = async (budget: PodDisruptionBudget, pods: readonly Pod[]): Promise<number> => {
      const targets = new Map<string, number>()
      const owners = new Map<string, OwnerReference>()
      const unmanaged: string[] = []
      for (const pod of pods) {
        const owner = controllerOf(pod)
        if (owner === undefined) unmanaged.push(nameOf(pod))
        else owners.set(owner.uid, owner)
      }
      if (unmanaged.length > 0) {
        const message = `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(budget.spec?.selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`
        events.event(budget, 'Warning', 'UnmanagedPods', message)
      }
      for (const owner of owners.values()) {
        const { id, replicas } = await scaleTarget(namespaceOf(budget), owner)
        targets.set(id, replicas)
      }
      return [...targets.values()].reduce((sum, replicas) => sum + replicas, 0)
    }

    const write = async (budget: PodDisruptionBudget, status: PodDisruptionBudget['status']): Promise<void> => {
      if (sameStatus(budget.status, status)) return
      await client.update(podDisruptionBudgets, { ...budget, ...(status && { status }) }, { subresource: 'status' })
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const budget = budgets.lister.get(key)
      if (budget === undefined) return undefined
      const pods = podCache.lister.byNamespace(namespaceOf(budget)).filter((pod) => matches(budget, pod))
      if (pods.length === 0) events.event(budget, 'Normal', 'NoPods', 'No matching pods found')
      let wanted = pods.length
      try {
        if (needsWanted(budget)) wanted = await wantedReplicas(budget, pods)
      } catch (error) {
        const message = `Failed to calculate the number of expected pods: ${messageOf(error)}`
        events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message)
        await write(budget, failedBudget(budget, messageOf(error), clock.now()))
        throw error
      }
      const { status, notDeleted, requeueAfterMs } = planBudget({ budget, pods, wanted, nowMs: clock.now() })
      for (const pod of notDeleted) {
        const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`
        events.event(pod, 'Warning', 'NotDeleted', message)
      }
      try {
        await write(budget, status)
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
      return requeueAfterMs === undefined ? undefined : { requeueAfterMs }
    }
    const reconcileStale = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const pod = podCache.lister.get(key)
      const atMs = pod === undefined ? undefined : staleAtMs(pod)
      if (pod === undefined || atMs === undefined) return undefined
      if (atMs > clock.now()) return { requeueAfterMs: atMs - clock.now() }
      const lastTransitionTime = nowRfc3339(clock.now())
      const condition = { type: 'DisruptionTarget', status: 'False', lastTransitionTime, reason: null, message: null }
      const body = { metadata: { uid: uidOf(pod) }, status: { conditions: [condition] } }
      const options = { type: 'strategic', subresource: 'status' } as const
      await client.patch(podsRef, nameOf(pod), namespaceOf(pod), body, options).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
      return undefined
    }
    const name = 'disruption-controller'
    const concurrency = config['concurrent-disruption-syncs']
    const runBudgets = workersOf(context, { name, queue, concurrency, reconcile })
    const runStale = workersOf(context, { name, queue: staleQueue, concurrency: 1, reconcile: reconcileStale })
    return () => Promise.all([runBudgets(), runStale()])
  },
}
