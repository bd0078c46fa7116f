/** Runs Jobs to completion. Upstream: pkg/controller/job. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { controllerOf } from '../../api/meta/owners.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { jobs, pods as podsRef } from '../../api/resources.ts'
import type { Job, Pod } from '../../api/types.ts'
import { ControllerExpectations } from '../../client/controller/expectations.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating } from '../errors.ts'
import { podInformer } from '../indexes.ts'
import { isDeleting, keyOf, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { watchOwnedPods } from '../owned-pods.ts'
import { OwnWrites } from '../own-writes.ts'
import { claimPods } from '../pod-claims.ts'
import { createPodControl } from '../pod-control.ts'
import { sameStatus } from '../semantic-equal.ts'
import { all, slowStart } from '../slow-start.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { isTerminal } from './accounting.ts'
import { isFinished, type JobPlan, planJob } from './plan.ts'
import { buildJobPod, trackingFinalizer } from './pod.ts'

/** Pods that end together are counted with one write. Upstream: syncJobBatchPeriod is 1 s; this is quicker. */
const batchMs = 100
const builtInController = 'kubernetes.io/job-controller'

const hasFinalizer = (pod: Pod): boolean => pod.metadata?.finalizers?.includes(trackingFinalizer) === true

export const jobController: Controller = {
  name: 'job-controller',
  serviceAccount: 'job-controller',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const queue = queueOf(context)
    const orphanQueue = queueOf(context)
    const jobCache = informers.for(jobs)
    const podCache = podInformer(informers)
    const creations = new ControllerExpectations(clock)
    const deletions = new ControllerExpectations(clock)
    const control = createPodControl(client, events)
    const written = new OwnWrites(clock)
    /** Uids whose finalizer was removed by us, by Job key, until the cache shows it. */
    const released = new Map<string, Set<string>>()

    onAnyChange(jobCache, enqueueSelf(queue))
    watchOwnedPods({
      pods: podCache,
      owners: jobCache.lister,
      kind: 'Job',
      // Every event of a Pod may be one of many.
      queue: { ...queue, add: (key) => queue.addAfter(key, batchMs) },
      couldAdopt: (job, pod) => matcherFromLabelSelector(job.spec?.selector)(labelsOf(pod)),
      creations,
      deletions,
    })
    const forgetReleased = (pod: Pod): void => {
      for (const [key, uids] of released) {
        if (uids.delete(uidOf(pod)) && uids.size === 0) released.delete(key)
      }
    }
    const noteFinalizer = (pod: Pod): void => {
      if (!hasFinalizer(pod)) return forgetReleased(pod)
      const owner = controllerOf(pod)
      const key = `${namespaceOf(pod)}/${owner?.name ?? ''}`
      if (owner?.kind !== 'Job' || uidOf(jobCache.lister.get(key) ?? {}) !== owner.uid) orphanQueue.add(keyOf(pod))
    }
    podCache.addHandler({
      onAdd: noteFinalizer,
      onUpdate: (_old, pod) => noteFinalizer(pod),
      onDelete: forgetReleased,
    })
    jobCache.addHandler({
      onDelete: (job) => {
        for (const pod of podCache.lister.byNamespace(namespaceOf(job))) {
          if (controllerOf(pod)?.uid === uidOf(job) && hasFinalizer(pod)) orphanQueue.add(keyOf(pod))
        }
      },
    })

    const removeFinalizer = async (pod: Pod): Promise<void> => {
      const metadata = { '$deleteFromPrimitiveList/finalizers': [trackingFinalizer], uid: uidOf(pod) }
      try {
        await client.patch(podsRef, nameOf(pod), namespaceOf(pod), { metadata }, { type: 'strategic' })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }

    const releasePods = async (key: string, pods: readonly Pod[]): Promise<void> => {
      await all(pods, async (pod) => {
        const uids = released.get(key) ?? new Set<string>()
        released.set(key, uids.add(uidOf(pod)))
        try {
          await removeFinalizer(pod)
        } catch (error) {
          uids.delete(uidOf(pod))
          throw error
        }
      })
    }

    /** Deletes and creates Pods; gives how many were created. */
    const managePods = async (job: Job, plan: JobPlan): Promise<{ created: number; error: unknown }> => {
      const key = keyOf(job)
      if (plan.delete.length > 0) {
        deletions.expectDeletions(key, plan.delete.map(uidOf))
        await all(plan.delete, async (pod) => {
          try {
            await control.delete(job, pod)
          } catch (error) {
            deletions.deletionObserved(key, uidOf(pod))
            throw error
          }
        })
      }
      if (plan.create.length === 0) return { created: 0, error: undefined }
      creations.expectCreations(key, plan.create.length)
      const { succeeded, error } = await slowStart(plan.create.length, async (position) => {
        const next = plan.create[position]
        await control.create(job, buildJobPod(job, next?.index, next?.failures))
      })
      creations.creationsFailed(key, plan.create.length - succeeded)
      return { created: succeeded, error }
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const job = jobCache.lister.get(key)
      if (job === undefined) {
        creations.delete(key)
        deletions.delete(key)
        released.delete(key)
        written.forget(key)
        return undefined
      }
      // Counting goes on from what was counted: never from an older status.
      if (written.isStale(key, jobCache.lister.get)) return undefined
      const managedBy = job.spec?.managedBy
      if (managedBy !== undefined && managedBy !== null && managedBy !== builtInController) return undefined
      const matches = matcherFromLabelSelector(job.spec?.selector)
      const finished = isFinished(job)
      const pods = finished
        ? podCache.lister.byNamespace(namespaceOf(job)).filter((pod) => controllerOf(pod)?.uid === uidOf(job))
        : await claimPods(job, matches, {
            client,
            control,
            pods: podCache.lister,
            ref: jobs,
            finalizer: trackingFinalizer,
          })
      const seen = released.get(key) ?? new Set<string>()
      if (finished) {
        const left = pods.filter((pod) => hasFinalizer(pod) && !seen.has(uidOf(pod)))
        await releasePods(
          key,
          left.filter((pod) => isTerminal(pod) || isDeleting(pod)),
        )
        return undefined
      }
      const plan = planJob({ job, pods, released: seen, nowMs: clock.now() })
      const settled = creations.satisfied(key) && deletions.satisfied(key)
      const { created, error } = settled ? await managePods(job, plan) : { created: 0, error: undefined }
      const status = { ...plan.status, active: (plan.status.active ?? 0) + created }
      if (!sameStatus(job.status, status)) {
        written.wrote(key, await client.update(jobs, { ...job, status }, { subresource: 'status' }))
        for (const { type, reason, message } of plan.events) events.event(job, type, reason, message)
      }
      await releasePods(key, plan.release)
      if (error !== undefined && !isNamespaceTerminating(error)) throw error
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs }
    }

    /** Pods whose Job is gone: nobody will count them. */
    const reconcileOrphan = async (key: string): Promise<undefined> => {
      const pod = podCache.lister.get(key)
      if (pod === undefined || !hasFinalizer(pod)) return
      const owner = controllerOf(pod)
      if (owner?.kind === 'Job') {
        const job = await client.get(jobs, owner.name, namespaceOf(pod)).catch((error: unknown) => {
          if (isReason(error, 'NotFound')) return undefined
          throw error
        })
        if (job !== undefined && uidOf(job) === owner.uid) return
      }
      await removeFinalizer(pod)
    }
    const name = 'job-controller'
    const runJobs = workersOf(context, { name, queue, concurrency: config['concurrent-job-syncs'], reconcile })
    const runOrphans = workersOf(context, { name, queue: orphanQueue, concurrency: 1, reconcile: reconcileOrphan })
    return () => Promise.all([runJobs(), runOrphans()])
  },
}
