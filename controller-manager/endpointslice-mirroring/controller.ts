/** Mirrors Endpoints that people write for Services without selectors. Upstream: pkg/controller/endpointslicemirroring. */
import { isReason } from '../../api/meta/status-error.ts'
import { endpointSlices, endpoints, services } from '../../api/resources.ts'
import type { EndpointSlice } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating } from '../errors.ts'
import { labelsOf, nameOf, namespaceOf } from '../objects.ts'
import { OwnWrites } from '../own-writes.ts'
import { all } from '../slow-start.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { managedByLabel, mirroredBy, mirrorSlices, planMirror, serviceNameLabel, shouldMirror } from './plan.ts'

const mirrorIndex = 'mirroredService'

const mirrorKeyOf = (slice: EndpointSlice): string | undefined => {
  const labels = labelsOf(slice)
  const name = labels[serviceNameLabel]
  return name === undefined || labels[managedByLabel] !== mirroredBy ? undefined : `${namespaceOf(slice)}/${name}`
}

export const endpointSliceMirroringController: Controller = {
  name: 'endpointslice-mirroring-controller',
  eventSource: 'endpoint-slice-mirroring-controller',
  serviceAccount: 'endpointslicemirroring-controller',
  setup: (context) => {
    const { client, informers, clock, config } = context
    const queue = queueOf(context)
    const serviceCache = informers.for(services)
    const endpointsCache = informers.for(endpoints)
    const slices = informers.for(endpointSlices, { indexers: { [mirrorIndex]: (slice) => [mirrorKeyOf(slice) ?? ''] } })
    const written = new OwnWrites(clock)
    onAnyChange(serviceCache, enqueueSelf(queue))
    onAnyChange(endpointsCache, enqueueSelf(queue))
    onAnyChange(slices, (slice) => {
      const key = mirrorKeyOf(slice)
      if (key !== undefined) queue.add(key)
    })
    slices.addHandler({ onDelete: (slice) => written.gone(slice) })

    const reconcile = async (key: string): Promise<undefined> => {
      if (written.isStale(key, slices.lister.get)) return
      const service = serviceCache.lister.get(key)
      const source = endpointsCache.lister.get(key)
      const selector = service?.spec?.selector
      const hasSelector = selector !== undefined && selector !== null && Object.keys(selector).length > 0
      const mirrored = service !== undefined && source !== undefined && !hasSelector && shouldMirror(source)
      const wanted = mirrored ? mirrorSlices(source, config['mirroring-max-endpoints-per-subset']) : []
      const plan = planMirror(wanted, slices.lister.byIndex(mirrorIndex, key))
      try {
        await all(plan.create, async (slice) => written.wrote(key, await client.create(endpointSlices, slice)))
        await all(plan.update, async (slice) => written.wrote(key, await client.update(endpointSlices, slice)))
        await all(plan.delete, async (slice) => {
          await client.delete(endpointSlices, nameOf(slice), namespaceOf(slice)).catch((error: unknown) => {
            if (!isReason(error, 'NotFound')) throw error
          })
        })
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error
      }
    }
    return workersOf(context, {
      name: 'endpointslice-mirroring-controller',
      queue,
      concurrency: config['mirroring-concurrent-service-endpoint-syncs'],
      reconcile,
    })
  },
}
