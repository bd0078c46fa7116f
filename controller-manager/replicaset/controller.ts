/** Keeps the wanted number of Pods of ReplicaSets and ReplicationControllers. Upstream: pkg/controller/replicaset. */
import { type Matcher, matcherFromLabelSelector, matchesSet } from '../../api/meta/labels.ts'
import { controllerOf, newControllerRef } from '../../api/meta/owners.ts'
import { isPodActive, isPodReady, isPodTerminal } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { type ResourceRef, replicaSets, replicationControllers } from '../../api/resources.ts'
import type { KubeObject, Pod, PodTemplateSpec, ReplicaSet } from '../../api/types.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Lister } from '../../client/cache/store.ts'
import { ControllerExpectations } from '../../client/controller/expectations.ts'
import { planClaims } from '../claims.ts'
import type { Controller, ControllerContext, RunController } from '../context.ts'
import { isNamespaceTerminating, messageOf } from '../errors.ts'
import { controllerIndexers, orphansIn, ownedBy, podInformer } from '../indexes.ts'
import { isDeleting, keyOf, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { OwnWrites } from '../own-writes.ts'
import { nextAvailabilityMs } from '../pod-availability.ts'
import { createPodControl, podFromTemplate } from '../pod-control.ts'
import { all, slowStart } from '../slow-start.ts'
import { ownerKey, queueOf, workersOf } from '../wiring.ts'
import { planReplicas, planStatus, type ReplicaFailure, type ReplicaSetStatus, sameStatus } from './plan.ts'

/** What ReplicaSets and ReplicationControllers have in common. */
type ReplicaOwner = KubeObject & {
  spec?: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec }
  status?: ReplicaSetStatus
}

interface ReplicaKind<T extends ReplicaOwner> {
  readonly name: string
  readonly ref: ResourceRef<T>
  readonly selectorOf: (owner: T) => Matcher
  readonly concurrency: number
  /** Owners whose Pods count when choosing whom to delete: those of the same Deployment. */
  readonly siblings: (owner: T, lister: Lister<T>) => T[]
  readonly reportsTerminating: boolean
}

const setup = <T extends ReplicaOwner>(context: ControllerContext, kind: ReplicaKind<T>): RunController => {
  const { client, informers, clock, events, signal } = context
  const owners: Informer<T> = informers.for(kind.ref, { indexers: controllerIndexers })
  const podCache = podInformer(informers)
  const queue = queueOf(context)
  const expectations = new ControllerExpectations(clock)
  const control = createPodControl(client, events)
  const written = new OwnWrites(clock)

  /** Owners that could take an orphan. */
  const candidates = (pod: Pod): T[] =>
    owners.lister.byNamespace(namespaceOf(pod)).filter((owner) => kind.selectorOf(owner)(labelsOf(pod)))

  owners.addHandler({
    onAdd: (owner) => queue.add(keyOf(owner)),
    onUpdate: (_old, owner) => queue.add(keyOf(owner)),
    onDelete: (owner) => {
      written.forget(keyOf(owner))
      expectations.delete(keyOf(owner))
      queue.add(keyOf(owner))
    },
  })
  podCache.addHandler({
    onAdd: (pod) => {
      const key = ownerKey(pod, kind.ref.kind)
      if (isDeleting(pod)) {
        // Seen for the first time and going already, after a restart: not a creation.
        if (key !== undefined) expectations.deletionObserved(key, uidOf(pod))
        if (key !== undefined) queue.add(key)
      } else if (key !== undefined) {
        expectations.creationObserved(key)
        queue.add(key)
      } else if (controllerOf(pod) === undefined) {
        for (const owner of candidates(pod)) queue.add(keyOf(owner))
      }
    },
    onUpdate: (old, pod) => {
      const key = ownerKey(pod, kind.ref.kind)
      const oldKey = ownerKey(old, kind.ref.kind)
      if (isDeleting(pod) && oldKey !== undefined) expectations.deletionObserved(oldKey, uidOf(pod))
      if (oldKey !== undefined && oldKey !== key) queue.add(oldKey)
      if (key !== undefined) {
        queue.add(key)
        const owner = owners.lister.get(key)
        const minReadySeconds = owner?.spec?.minReadySeconds ?? 0
        // One second more: transition times are cut to whole seconds.
        if (!isPodReady(old) && isPodReady(pod) && minReadySeconds > 0)
          queue.addAfter(key, minReadySeconds * 1000 + 1000)
      } else if (controllerOf(pod) === undefined) {
        for (const owner of candidates(pod)) queue.add(keyOf(owner))
      }
    },
    onDelete: (pod) => {
      const key = ownerKey(pod, kind.ref.kind)
      if (key === undefined) return
      expectations.deletionObserved(key, uidOf(pod))
      queue.add(key)
    },
  })

  /** The Pods of the owner, after taking matching orphans and letting go what no longer matches. */
  const claimPods = async (owner: T): Promise<Pod[]> => {
    const present = [...ownedBy(podCache.lister, uidOf(owner)), ...orphansIn(podCache.lister, namespaceOf(owner))]
    const relevant = present.filter((pod) => !isPodTerminal(pod) || controllerOf(pod) !== undefined)
    const claims = planClaims(owner, kind.selectorOf(owner), relevant)
    if (claims.adopt.length > 0) {
      // The cache may be behind: a deleted or recreated owner must not adopt.
      const fresh = await client.get(kind.ref, nameOf(owner), namespaceOf(owner), { signal })
      if (uidOf(fresh) !== uidOf(owner) || isDeleting(fresh)) claims.adopt.length = 0
      const reference = newControllerRef(owner, kind.ref)
      await all(claims.adopt, (pod) => control.adopt(reference, pod))
    }
    await all(claims.release, (pod) => control.release(owner, pod))
    return [...claims.owned, ...claims.adopt]
  }

  const managePods = async (owner: T, active: Pod[]): Promise<ReplicaFailure | undefined> => {
    const key = keyOf(owner)
    const related = kind.siblings(owner, owners.lister).flatMap((sibling) => ownedBy(podCache.lister, uidOf(sibling)))
    const plan = planReplicas(owner.spec?.replicas ?? 1, active, related, clock.now())
    switch (plan.type) {
      case 'none':
        return undefined
      case 'create': {
        expectations.expectCreations(key, plan.count)
        const pod = podFromTemplate(owner, owner.spec?.template, newControllerRef(owner, kind.ref))
        const { succeeded, error } = await slowStart(plan.count, async () => {
          await control.create(owner, pod)
        })
        if (error === undefined) return undefined
        expectations.creationsFailed(key, plan.count - succeeded)
        if (isNamespaceTerminating(error)) return undefined
        return { reason: 'FailedCreate', message: messageOf(error), error }
      }
      case 'delete': {
        expectations.expectDeletions(key, plan.pods.map(uidOf))
        const results = await Promise.allSettled(
          plan.pods.map(async (pod) => {
            try {
              await control.delete(owner, pod)
            } catch (error) {
              expectations.deletionObserved(key, uidOf(pod))
              throw error
            }
          }),
        )
        const failed = results.find((result) => result.status === 'rejected')
        return failed && { reason: 'FailedDelete', message: messageOf(failed.reason), error: failed.reason }
      }
    }
  }

  const updateStatus = async (owner: T, present: Pod[], failure: ReplicaFailure | undefined): Promise<void> => {
    const status = planStatus({
      old: owner.status,
      generation: owner.metadata?.generation ?? 0,
      template: owner.spec?.template,
      minReadySeconds: owner.spec?.minReadySeconds ?? 0,
      active: present.filter(isPodActive),
      terminating: kind.reportsTerminating
        ? present.filter((pod) => isDeleting(pod) && !isPodTerminal(pod)).length
        : undefined,
      failure,
      nowMs: clock.now(),
    })
    if (sameStatus(owner.status, status)) return
    written.wrote(keyOf(owner), await client.update(kind.ref, { ...owner, status }, { subresource: 'status', signal }))
  }

  const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
    const owner = owners.lister.get(key)
    if (owner === undefined) {
      expectations.delete(key)
      return undefined
    }
    // Our last status is still on its way here: its event comes back to this key.
    if (written.isStale(key, owners.lister.get)) return undefined
    const settled = expectations.satisfied(key)
    const present = await claimPods(owner)
    const active = present.filter(isPodActive)
    const failure = settled && !isDeleting(owner) ? await managePods(owner, active) : undefined
    try {
      await updateStatus(owner, present, failure)
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
    if (failure !== undefined) throw failure.error
    const wait = nextAvailabilityMs(active, owner.spec?.minReadySeconds ?? 0, clock.now())
    return wait === undefined ? undefined : { requeueAfterMs: wait }
  }
  return workersOf(context, { name: kind.name, queue, concurrency: kind.concurrency, reconcile })
}

const siblingsByController = (owner: ReplicaSet, lister: Lister<ReplicaSet>): ReplicaSet[] => {
  const parent = controllerOf(owner)
  return parent === undefined ? [owner] : ownedBy(lister, parent.uid)
}

export const replicaSetController: Controller = {
  name: 'replicaset-controller',
  serviceAccount: 'replicaset-controller',
  setup: (context) =>
    setup(context, {
      name: 'replicaset-controller',
      ref: replicaSets,
      selectorOf: (owner) => matcherFromLabelSelector(owner.spec?.selector),
      concurrency: context.config['concurrent-replicaset-syncs'],
      siblings: siblingsByController,
      reportsTerminating: true,
    }),
}

export const replicationControllerController: Controller = {
  name: 'replicationcontroller-controller',
  eventSource: 'replication-controller',
  serviceAccount: 'replication-controller',
  setup: (context) =>
    setup(context, {
      name: 'replicationcontroller-controller',
      ref: replicationControllers,
      selectorOf: (owner) => {
        const selector = owner.spec?.selector
        const empty = selector === undefined || selector === null || Object.keys(selector).length === 0
        return empty ? () => false : (labels) => matchesSet(selector, labels)
      },
      concurrency: context.config['concurrent-rc-syncs'],
      siblings: (owner) => [owner],
      reportsTerminating: false,
    }),
}
