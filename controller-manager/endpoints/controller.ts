/** Writes the Endpoints of Services with selectors. Upstream: pkg/controller/endpoint. */
import { matchesSet } from '../../api/meta/labels.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { endpoints, services } from '../../api/resources.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating } from '../errors.ts'
import { podInformer } from '../indexes.ts'
import { keyOf, labelsOf, splitKey } from '../objects.ts'
import { onServicePodChange } from '../service-pods.ts'
import { TriggerTimes, withTriggerTime } from '../trigger-times.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { planEndpoints } from './plan.ts'

export const endpointsController: Controller = {
  name: 'endpoints-controller',
  eventSource: 'endpoint-controller',
  serviceAccount: 'endpoint-controller',
  setup: (context) => {
    const { client, informers, config } = context
    const queue = queueOf(context)
    const serviceCache = informers.for(services)
    const podCache = podInformer(informers)
    const endpointsCache = informers.for(endpoints)
    const triggers = new TriggerTimes()
    onAnyChange(serviceCache, enqueueSelf(queue))
    onAnyChange(endpointsCache, enqueueSelf(queue))
    onServicePodChange(podCache, serviceCache.lister, (service) =>
      queue.addAfter(keyOf(service), Math.max(config['endpoint-updates-batch-period'], burstMs)),
    )

    const reconcile = async (key: string): Promise<undefined> => {
      const service = serviceCache.lister.get(key)
      const current = endpointsCache.lister.get(key)
      const { namespace, name } = splitKey(key)
      if (service === undefined) {
        triggers.forget(key)
        if (current === undefined || !wasOurs(labelsOf(current))) return
        await client.delete(endpoints, name, namespace).catch((error: unknown) => {
          if (!isReason(error, 'NotFound')) throw error
        })
        return
      }
      const selector = service.spec?.selector
      if (selector === undefined || selector === null || Object.keys(selector).length === 0) return
      const selected = podCache.lister.byNamespace(namespace).filter((pod) => matchesSet(selector, labelsOf(pod)))
      const triggerMs = triggers.next(service, selected)
      const plan = planEndpoints(service, selected, current)
      if (plan.type === 'none') return
      const wanted = withTriggerTime(plan.endpoints, triggerMs)
      try {
        if (plan.type === 'create') await client.create(endpoints, wanted)
        else await client.update(endpoints, wanted)
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error
      }
    }
    return workersOf(context, {
      name: 'endpoints-controller',
      queue,
      concurrency: config['concurrent-endpoint-syncs'],
      reconcile,
    })
  },
}

/** Pods of one rollout step change within moments of each other: one write serves them all. */
const burstMs = 20

/** Endpoints of a Service without selector are somebody else's, and so may be those of no Service. */
const wasOurs = (labels: Record<string, string>): boolean =>
  labels['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller'
