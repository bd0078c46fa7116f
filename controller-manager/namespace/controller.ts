/** Empties terminating Namespaces and lets them go. Upstream: pkg/controller/namespace. */
import { isReason } from '../../api/meta/status-error.ts'
import { namespaces, pods, resourcePath } from '../../api/resources.ts'
import type { Namespace } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { discover } from '../discovery.ts'
import { isDeleting, keyOf, nameOf, namespaceOf } from '../objects.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { mergeConditions, planConditions } from './conditions.ts'
import { deleteContents } from './contents.ts'

const finalizer = 'kubernetes'
/** Between looks at what is left: Pods take their grace period, the rest is quick. */
const recheckMs = { first: 250, factor: 1.5, max: 5_000 }

export const namespaceController: Controller = {
  name: 'namespace-controller',
  serviceAccount: 'namespace-controller',
  setup: (context) => {
    const { client, informers, clock, config, signal } = context
    const queue = queueOf(context)
    const cache = informers.for(namespaces)
    const podCache = informers.for(pods)
    /** Looks so far at Namespaces that are not empty yet. */
    const attempts = new Map<string, number>()
    const enqueue = (namespace: Namespace): void => {
      if (isDeleting(namespace)) queue.add(keyOf(namespace))
    }
    cache.addHandler({
      onAdd: enqueue,
      onUpdate: (_old, namespace) => enqueue(namespace),
      onDelete: (namespace) => void attempts.delete(nameOf(namespace)),
    })
    podCache.addHandler({
      onDelete: (pod) => {
        const namespace = cache.lister.get(namespaceOf(pod))
        const isLast = podCache.lister.byNamespace(namespaceOf(pod)).length === 0
        if (namespace !== undefined && isLast) enqueue(namespace)
      },
    })

    const finalize = async (namespace: Namespace): Promise<void> => {
      const finalizers = (namespace.spec?.finalizers ?? []).filter((item) => item !== finalizer)
      const body = { ...namespace, apiVersion: 'v1', kind: 'Namespace', spec: { ...namespace.spec, finalizers } }
      await client.raw('PUT', resourcePath(namespaces, undefined, nameOf(namespace), 'finalize'), body)
    }

    const reconcile = async (name: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const cached = cache.lister.get(name)
      if (cached === undefined || !isDeleting(cached)) return undefined
      try {
        let namespace = await client.get(namespaces, name, undefined, { signal })
        if (!isDeleting(namespace) || !(namespace.spec?.finalizers ?? []).includes(finalizer)) return undefined
        if (namespace.status?.phase !== 'Terminating') {
          const status = { ...namespace.status, phase: 'Terminating' }
          namespace = await client.update(namespaces, { ...namespace, status }, { subresource: 'status' })
        }
        const emptying = await deleteContents(client, name, await discover(client))
        const conditions = mergeConditions(namespace.status?.conditions ?? [], planConditions(emptying), clock.now())
        if (conditions !== namespace.status?.conditions) {
          const status = { ...namespace.status, conditions: [...conditions] }
          namespace = await client.update(namespaces, { ...namespace, status }, { subresource: 'status' })
        }
        if (emptying.deletionErrors.length > 0 || emptying.discoveryErrors.length > 0) {
          throw new Error(`namespace ${name}: ${[...emptying.deletionErrors, ...emptying.discoveryErrors].join(', ')}`)
        }
        if (emptying.remaining.size === 0) {
          await finalize(namespace)
          return undefined
        }
      } catch (error) {
        if (isReason(error, 'NotFound')) return undefined
        throw error
      }
      const attempt = attempts.get(name) ?? 0
      attempts.set(name, attempt + 1)
      return { requeueAfterMs: Math.min(recheckMs.max, recheckMs.first * recheckMs.factor ** attempt) }
    }
    return workersOf(context, {
      name: 'namespace-controller',
      queue,
      concurrency: config['concurrent-namespace-syncs'],
      reconcile,
    })
  },
}
