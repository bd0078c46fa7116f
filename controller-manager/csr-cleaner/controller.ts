/** Deletes CertificateSigningRequests that nobody needs any more. Upstream: pkg/controller/certificates/cleaner. */
import { findCondition } from '../../api/meta/conditions.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { certificateSigningRequests } from '../../api/resources.ts'
import type { CertificateSigningRequest } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { isApproved, isIssued } from '../csr-state.ts'
import { createdMs, keyOf, timeMs } from '../objects.ts'
import { queueOf, workersOf } from '../wiring.ts'

const hourMs = 3_600_000
const pendingMs = 24 * hourMs
const endedMs = hourMs

/** When the request is to go: an hour after it was decided, a day after it was made if nobody decided. */
export const requestExpiryMs = (request: CertificateSigningRequest): number => {
  for (const type of ['Denied', 'Failed']) {
    const decided = findCondition(request.status?.conditions, type)
    if (decided !== undefined) return (timeMs(decided.lastUpdateTime) ?? createdMs(request)) + endedMs
  }
  const approved = findCondition(request.status?.conditions, 'Approved')
  if (approved !== undefined && isApproved(request) && isIssued(request)) {
    return (timeMs(approved.lastUpdateTime) ?? createdMs(request)) + endedMs
  }
  return createdMs(request) + pendingMs
}

export const csrCleanerController: Controller = {
  name: 'certificatesigningrequest-cleaner-controller',
  serviceAccount: 'certificate-controller',
  setup: (context) => {
    const { client, informers, clock } = context
    const queue = queueOf(context)
    const cache = informers.for(certificateSigningRequests)
    const enqueue = (request: CertificateSigningRequest): void =>
      queue.addAfter(keyOf(request), requestExpiryMs(request) - clock.now())
    cache.addHandler({ onAdd: enqueue, onUpdate: (_old, request) => enqueue(request) })
    const reconcile = async (name: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const request = cache.lister.get(name)
      if (request === undefined) return undefined
      const leftMs = requestExpiryMs(request) - clock.now()
      if (leftMs > 0) return { requeueAfterMs: leftMs }
      await client.delete(certificateSigningRequests, name).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
      return undefined
    }
    return workersOf(context, {
      name: 'certificatesigningrequest-cleaner-controller',
      queue,
      concurrency: 1,
      reconcile,
    })
  },
}
