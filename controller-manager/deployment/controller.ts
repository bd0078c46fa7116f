/** Rolls out Deployments through ReplicaSets. Upstream: pkg/controller/deployment. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { controllerOf, newControllerRef } from '../../api/meta/owners.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { deployments, replicaSets } from '../../api/resources.ts'
import type { Deployment, Pod, ReplicaSet } from '../../api/types.ts'
import { planClaims } from '../claims.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating, messageOf } from '../errors.ts'
import { controllerIndexers, orphansIn, ownedBy, podInformer, replicaSetInformer } from '../indexes.ts'
import { annotationsOf, isDeleting, keyOf, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { OwnWrites } from '../own-writes.ts'
import { sameStatus } from '../semantic-equal.ts'
import { all } from '../slow-start.ts'
import { enqueueSelf, onAnyChange, ownerKey, queueOf, workersOf } from '../wiring.ts'
import { type DeploymentPlan, planDeployment } from './plan.ts'
import { hasTemplateOf, revisionAnnotation } from './revisions.ts'
import { planRollback } from './rollback.ts'
import { replicasOf } from './sizes.ts'
import { type DeploymentStatus, hasProgressDeadline, setDeploymentCondition } from './status.ts'

const kind = 'Deployment'

export const deploymentController: Controller = {
  name: 'deployment-controller',
  serviceAccount: 'deployment-controller',
  setup: (context) => {
    const { client, informers, clock, events, config, signal } = context
    const queue = queueOf(context)
    const deploymentCache = informers.for(deployments, { indexers: controllerIndexers })
    const setCache = replicaSetInformer(informers)
    const podCache = podInformer(informers)
    /** Of ReplicaSets, and of the Deployments themselves. */
    const written = new OwnWrites(clock)
    const writtenSelf = new OwnWrites(clock)

    const matching = (labels: Record<string, string>, namespace: string): Deployment[] =>
      deploymentCache.lister
        .byNamespace(namespace)
        .filter((deployment) => matcherFromLabelSelector(deployment.spec?.selector)(labels))

    const enqueueOfSet = (replicaSet: ReplicaSet): void => {
      const key = ownerKey(replicaSet, kind)
      if (key !== undefined) queue.add(key)
      else if (controllerOf(replicaSet) === undefined) {
        for (const deployment of matching(labelsOf(replicaSet), namespaceOf(replicaSet))) queue.add(keyOf(deployment))
      }
    }
    onAnyChange(deploymentCache, enqueueSelf(queue))
    setCache.addHandler({
      onAdd: enqueueOfSet,
      onDelete: (replicaSet) => {
        written.gone(replicaSet)
        enqueueOfSet(replicaSet)
      },
      onUpdate: (old, replicaSet) => {
        if (controllerOf(old)?.uid !== controllerOf(replicaSet)?.uid) enqueueOfSet(old)
        enqueueOfSet(replicaSet)
      },
    })
    podCache.addHandler({
      // Recreate waits for the last old Pod to go; nothing else looks at Pods.
      onDelete: (pod) => {
        const owner = controllerOf(pod)
        if (owner?.kind !== 'ReplicaSet') return
        const replicaSet = setCache.lister.get(`${namespaceOf(pod)}/${owner.name}`)
        const key = replicaSet === undefined ? undefined : ownerKey(replicaSet, kind)
        if (key !== undefined && deploymentCache.lister.get(key)?.spec?.strategy?.type === 'Recreate') queue.add(key)
      },
    })

    const claimSets = async (deployment: Deployment): Promise<ReplicaSet[]> => {
      const present = [
        ...ownedBy(setCache.lister, uidOf(deployment)),
        ...orphansIn(setCache.lister, namespaceOf(deployment)),
      ]
      const claims = planClaims(deployment, matcherFromLabelSelector(deployment.spec?.selector), present)
      const patch = async (replicaSet: ReplicaSet, reference: object): Promise<ReplicaSet> => {
        const metadata = { ownerReferences: [reference], uid: uidOf(replicaSet) }
        const patched = await client.patch(
          replicaSets,
          nameOf(replicaSet),
          namespaceOf(replicaSet),
          { metadata },
          { type: 'strategic' },
        )
        written.wrote(keyOf(deployment), patched)
        return patched
      }
      const adopted: ReplicaSet[] = []
      if (claims.adopt.length > 0) {
        const fresh = await client.get(deployments, nameOf(deployment), namespaceOf(deployment), { signal })
        if (uidOf(fresh) === uidOf(deployment) && !isDeleting(fresh)) {
          for (const orphan of claims.adopt)
            adopted.push(await patch(orphan, newControllerRef(deployment, deployments)))
        }
      }
      await all(claims.release, async (replicaSet) => {
        await patch(replicaSet, { $patch: 'delete', uid: uidOf(deployment) })
      })
      return [...claims.owned, ...adopted]
    }

    const podsOf = (deployment: Deployment, sets: readonly ReplicaSet[]): Pod[] =>
      deployment.spec?.strategy?.type === 'Recreate'
        ? sets.flatMap((replicaSet) => ownedBy(podCache.lister, uidOf(replicaSet)))
        : []

    const noteScaling = (deployment: Deployment, replicaSet: ReplicaSet, from: number): void => {
      const to = replicasOf(replicaSet)
      if (from === to) return
      const direction = to > from ? 'up' : 'down'
      const message = `Scaled ${direction} replica set ${nameOf(replicaSet)} from ${from} to ${to}`
      events.event(deployment, 'Normal', 'ScalingReplicaSet', message)
    }

    const writeStatus = async (deployment: Deployment, status: DeploymentStatus): Promise<void> => {
      const updated = await client.update(deployments, { ...deployment, status }, { subresource: 'status', signal })
      writtenSelf.wrote(keyOf(deployment), updated)
    }

    /** Creates the new ReplicaSet; false if the name is taken and the next sync has to choose another. */
    const createSet = async (deployment: Deployment, replicaSet: ReplicaSet): Promise<boolean> => {
      try {
        const created = await client.create(replicaSets, replicaSet)
        written.wrote(keyOf(deployment), created)
        noteScaling(deployment, created, 0)
        return true
      } catch (error) {
        if (isNamespaceTerminating(error)) return false
        if (!isReason(error, 'AlreadyExists')) {
          await noteFailedCreate(deployment, replicaSet, error)
          throw error
        }
        const existing = await client.get(replicaSets, nameOf(replicaSet), namespaceOf(replicaSet), { signal })
        const ours = controllerOf(existing)?.uid === uidOf(deployment) && hasTemplateOf(existing, deployment)
        if (ours) {
          written.wrote(keyOf(deployment), existing)
          return true
        }
        const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
        await writeStatus(deployment, { ...deployment.status, collisionCount })
        return false
      }
    }

    const noteFailedCreate = async (deployment: Deployment, replicaSet: ReplicaSet, error: unknown): Promise<void> => {
      const message = `Failed to create new replica set "${nameOf(replicaSet)}": ${messageOf(error)}`
      events.event(deployment, 'Warning', 'ReplicaSetCreateError', message)
      if (!hasProgressDeadline(deployment)) return
      const status: DeploymentStatus = { ...deployment.status }
      const condition = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message }
      setDeploymentCondition(status, condition, clock.now())
      await writeStatus(deployment, status)
    }

    const execute = async (deployment: Deployment, plan: DeploymentPlan): Promise<void> => {
      if (plan.create !== undefined && !(await createSet(deployment, plan.create))) return
      for (const { from, to } of plan.updates) {
        const updated = await client.update(replicaSets, to)
        written.wrote(keyOf(deployment), updated)
        noteScaling(deployment, updated, replicasOf(from))
      }
      await all(plan.deletes, async (replicaSet) => {
        const preconditions = { uid: uidOf(replicaSet) }
        try {
          await client.delete(replicaSets, nameOf(replicaSet), namespaceOf(replicaSet), { preconditions })
        } catch (error) {
          if (!isReason(error, 'NotFound')) throw error
        }
      })
      let current = deployment
      if (plan.revision !== undefined) current = await annotate(deployment, plan.revision)
      if (!sameStatus(deployment.status, plan.status)) await writeStatus(current, plan.status)
    }

    const annotate = async (deployment: Deployment, revision: string): Promise<Deployment> => {
      const annotations = { ...annotationsOf(deployment), [revisionAnnotation]: revision }
      const metadata = { ...deployment.metadata, annotations }
      const annotated = await client.update(deployments, { ...deployment, metadata }, { signal })
      writtenSelf.wrote(keyOf(deployment), annotated)
      return annotated
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const deployment = deploymentCache.lister.get(key)
      if (deployment === undefined) {
        written.forget(key)
        writtenSelf.forget(key)
        return undefined
      }
      const { selector } = deployment.spec ?? {}
      const selectsAll =
        Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0
      if (selectsAll) {
        events.event(
          deployment,
          'Warning',
          'SelectingAll',
          'This deployment is selecting all pods. A non-empty selector is required.',
        )
        return undefined
      }
      // An older view would undo or double the last steps; the event that brings the cache up to date comes here.
      if (written.isStale(key, setCache.lister.get) || writtenSelf.isStale(key, deploymentCache.lister.get)) {
        return undefined
      }
      const sets = await claimSets(deployment)
      const rollback = isDeleting(deployment) || deployment.spec?.paused ? undefined : planRollback(deployment, sets)
      if (rollback !== undefined) {
        const { type, reason, message } = rollback.event
        events.event(deployment, type, reason, message)
        writtenSelf.wrote(key, await client.update(deployments, rollback.deployment, { signal }))
        return undefined
      }
      const plan = planDeployment({
        deployment,
        replicaSets: sets,
        pods: podsOf(deployment, sets),
        nowMs: clock.now(),
      })
      await execute(deployment, plan)
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs }
    }
    return workersOf(context, {
      name: 'deployment-controller',
      queue,
      concurrency: config['concurrent-deployment-syncs'],
      reconcile,
    })
  },
}
