/**
 * Deletes what has lost its owners, owners after their dependents (foreground), and sets dependents free (orphan).
 * The graph says what to look at; whatever is decided is decided on live objects.
 * Upstream: pkg/controller/garbagecollector.
 */
import { isReason } from '../../api/meta/status-error.ts'
import { resourceRef } from '../../api/resources.ts'
import type { KubeObject, OwnerReference } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Controller } from '../context.ts'
import { isDeleting, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { all } from '../slow-start.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { AbsentOwners } from './absent-owners.ts'
import {
  blockingDependents,
  foregroundFinalizer,
  type GraphNode,
  type GraphWork,
  type Identity,
  orphanFinalizer,
  OwnerGraph,
} from './graph.ts'
import { createMonitors } from './monitors.ts'
import { createOwnerWrites } from './owner-writes.ts'
import { type OwnerState, planItem } from './plan.ts'

/** Upstream: initialSyncTimeout. */
const initialSyncTimeoutMs = 30_000

export const garbageCollector: Controller = {
  name: 'garbage-collector-controller',
  serviceAccount: 'generic-garbage-collector',
  setup: (context) => {
    const { client, config, log, signal } = context
    if (!config['enable-garbage-collector']) return undefined
    const graph = new OwnerGraph()
    const absent = new AbsentOwners()
    const toDelete = queueOf(context)
    const toOrphan = queueOf(context)
    const onWork = (work: GraphWork): void => {
      for (const node of work.delete) toDelete.add(node.identity.uid)
      for (const node of work.orphan) toOrphan.add(node.identity.uid)
    }
    const monitors = createMonitors(context, graph, onWork)
    const writes = createOwnerWrites(client)

    const locate = ({ apiVersion, kind, namespace }: Pick<Identity, 'apiVersion' | 'kind' | 'namespace'>) => {
      const resource = monitors.resourceOf(apiVersion, kind)
      if (resource === undefined) throw new Error(`no resource is known for ${apiVersion}, kind ${kind}`)
      return { ref: resourceRef<KubeObject>(resource), namespace: resource.namespaced ? namespace : undefined }
    }

    /** The object as it is now; undefined if it is gone or another has its name. */
    const getLive = async (identity: Identity): Promise<KubeObject | undefined> => {
      const { ref, namespace } = locate(identity)
      if (ref.namespaced && namespace === '') return undefined
      try {
        const object = await client.get(ref, identity.name, namespace, { signal })
        return uidOf(object) === identity.uid ? object : undefined
      } catch (error) {
        if (isReason(error, 'NotFound')) return undefined
        throw error
      }
    }

    const stateOf = async (reference: OwnerReference, item: KubeObject): Promise<OwnerState> => {
      const namespace = namespaceOf(item)
      const identity: Identity = { ...reference, namespace }
      if (absent.has(identity)) return 'dangling'
      const known = graph.get(reference.uid)
      const { ref } = locate(identity)
      // A namespaced owner of a cluster-scoped object cannot be looked for: nothing is deleted for its sake.
      if (ref.namespaced && namespace === '') return 'solid'
      const matches =
        known !== undefined &&
        known.identity.name === reference.name &&
        known.identity.kind === reference.kind &&
        (known.identity.namespace === '' || known.identity.namespace === namespace)
      if (matches && !known.virtual && !known.beingDeleted) return 'solid'
      const owner = await getLive(identity)
      if (owner === undefined) {
        absent.add(identity)
        return 'dangling'
      }
      const foreground = owner.metadata?.finalizers?.includes(foregroundFinalizer) === true
      return isDeleting(owner) && foreground ? 'waiting' : 'solid'
    }

    /** An owner in foreground deletion goes when no dependent blocks it any more. */
    const advanceForeground = async (node: GraphNode): Promise<void> => {
      const blocking = blockingDependents(node)
      if (blocking.length === 0) {
        const { ref, namespace } = locate(node.identity)
        await writes.removeFinalizer(ref, { ...node.identity, namespace }, foregroundFinalizer)
        return
      }
      for (const dependent of blocking) if (!dependent.deletingDependents) toDelete.add(dependent.identity.uid)
    }

    const reconcileItem = async (uid: string): Promise<undefined> => {
      const node = graph.get(uid)
      if (node === undefined || (node.beingDeleted && !node.deletingDependents)) return
      const latest = await getLive(node.identity)
      if (latest === undefined) {
        if (node.virtual) absent.add(node.identity)
        onWork(graph.remove(uid))
        return
      }
      if (node.deletingDependents) {
        await advanceForeground(node)
        return
      }
      const references = latest.metadata?.ownerReferences ?? []
      const owners: { reference: OwnerReference; state: OwnerState }[] = []
      for (const reference of references) owners.push({ reference, state: await stateOf(reference, latest) })
      const plan = planItem(latest, node, owners)
      const { ref, namespace } = locate(node.identity)
      const target = { ...node.identity, namespace }
      switch (plan.type) {
        case 'keep':
          return
        case 'dropReferences':
          await writes.dropReferences(ref, target, plan.uids)
          return
        case 'delete': {
          if (plan.unblock) await writes.unblockReferences(ref, target, references)
          const preconditions = {
            uid,
            ...(plan.unblock ? {} : { resourceVersion: latest.metadata?.resourceVersion ?? '' }),
          }
          log.debug({ kind: node.identity.kind, object: nameOf(latest), policy: plan.policy }, 'deleting garbage')
          try {
            await client.delete(ref, nameOf(latest), namespace, { propagationPolicy: plan.policy, preconditions })
          } catch (error) {
            if (!isReason(error, 'NotFound')) throw error
          }
        }
      }
    }

    const reconcileOrphans = async (uid: string): Promise<undefined> => {
      const owner = graph.get(uid)
      if (owner === undefined) return
      await all([...owner.dependents], async (dependent) => {
        const { ref, namespace } = locate(dependent.identity)
        await writes.dropReferences(ref, { ...dependent.identity, namespace }, [uid])
      })
      const { ref, namespace } = locate(owner.identity)
      await writes.removeFinalizer(ref, { ...owner.identity, namespace }, orphanFinalizer)
    }

    const concurrency = config['concurrent-gc-syncs']
    const name = 'garbage-collector-controller'
    const runDelete = workersOf(context, { name, queue: toDelete, concurrency, reconcile: reconcileItem })
    const runOrphan = workersOf(context, { name, queue: toOrphan, concurrency, reconcile: reconcileOrphans })
    return async () => {
      const following = monitors.run()
      // Before all dependents are known an owner could go too early. One resource that cannot be listed, as its server
      // or its webhook is away, does not hold all others.
      await Promise.race([monitors.whenSynced(), sleep(initialSyncTimeoutMs, signal).catch(() => undefined)])
      await Promise.all([following, runDelete(), runOrphan()])
    }
  },
}
