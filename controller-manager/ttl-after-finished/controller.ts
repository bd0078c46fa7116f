/** Deletes Jobs some time after they have finished. Upstream: pkg/controller/ttlafterfinished. */
import { isReason } from '../../api/meta/status-error.ts'
import { jobs } from '../../api/resources.ts'
import type { Job } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { isDeleting, keyOf, nameOf, namespaceOf, timeMs, uidOf } from '../objects.ts'
import { queueOf, workersOf } from '../wiring.ts'

/** When the Job is to go; undefined while it runs or where it has no TTL. */
export const expiryMs = (job: Job): number | undefined => {
  const seconds = job.spec?.ttlSecondsAfterFinished
  if (seconds === undefined || seconds === null || isDeleting(job)) return undefined
  const end = (job.status?.conditions ?? []).find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )
  const finished = timeMs(end?.lastTransitionTime)
  return finished === undefined ? undefined : finished + seconds * 1000
}

export const ttlAfterFinishedController: Controller = {
  name: 'ttl-after-finished-controller',
  serviceAccount: 'ttl-after-finished-controller',
  setup: (context) => {
    const { client, informers, clock, config } = context
    const queue = queueOf(context)
    const cache = informers.for(jobs)
    const enqueue = (job: Job): void => {
      const expiry = expiryMs(job)
      if (expiry !== undefined) queue.addAfter(keyOf(job), expiry - clock.now())
    }
    cache.addHandler({ onAdd: enqueue, onUpdate: (_old, job) => enqueue(job) })

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const cached = cache.lister.get(key)
      if (cached === undefined || expiryMs(cached) === undefined) return undefined
      try {
        // The TTL may have been made longer just now: deletion cannot be undone.
        const job = await client.get(jobs, nameOf(cached), namespaceOf(cached))
        const expiry = expiryMs(job)
        if (expiry === undefined) return undefined
        if (expiry > clock.now()) return { requeueAfterMs: expiry - clock.now() }
        const preconditions = { uid: uidOf(job), resourceVersion: job.metadata?.resourceVersion ?? '' }
        await client.delete(jobs, nameOf(job), namespaceOf(job), { propagationPolicy: 'Foreground', preconditions })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
      return undefined
    }
    return workersOf(context, {
      name: 'ttl-after-finished-controller',
      queue,
      concurrency: config['concurrent-ttl-after-finished-syncs'],
      reconcile,
    })
  },
}
