/** Writes the EndpointSlices of Services with selectors. Upstream: pkg/controller/endpointslice. */
import { matchesSet } from '../../api/meta/labels.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { endpointSlices, nodes, services } from '../../api/resources.ts'
import type { EndpointSlice, Node, Service } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating, messageOf } from '../errors.ts'
import { podInformer } from '../indexes.ts'
import { isDeleting, keyOf, labelsOf, nameOf, namespaceOf, splitKey } from '../objects.ts'
import { OwnWrites } from '../own-writes.ts'
import { familiesOf, zoneOf } from '../service-endpoints.ts'
import { onServicePodChange } from '../service-pods.ts'
import { all } from '../slow-start.ts'
import { TriggerTimes, withTriggerTime } from '../trigger-times.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { desiredGroups } from './desired.ts'
import { addHints, type HintedGroups } from './hints.ts'
import { managedBy, managedByLabel, planSlices, serviceNameLabel } from './plan.ts'
import { cpuShares, topologyFacts, wantsTopologyHints } from './topology-hints.ts'

/** Pods of one rollout step change within moments of each other: one write serves them all. */
const burstMs = 20
const serviceIndex = 'endpointSliceService'

/** `namespace/name` of the Service that the slice belongs to; undefined for slices of other controllers. */
const serviceKeyOf = (slice: EndpointSlice): string | undefined => {
  const labels = labelsOf(slice)
  const service = labels[serviceNameLabel]
  return service === undefined || labels[managedByLabel] !== managedBy ? undefined : `${namespaceOf(slice)}/${service}`
}

export const endpointSliceController: Controller = {
  name: 'endpointslice-controller',
  eventSource: 'endpoint-slice-controller',
  serviceAccount: 'endpointslice-controller',
  setup: (context) => {
    const { client, informers, config, clock, events } = context
    const queue = queueOf(context)
    const serviceCache = informers.for(services)
    const podCache = podInformer(informers)
    const nodeCache = informers.for(nodes)
    const sliceCache = informers.for(endpointSlices, {
      indexers: { [serviceIndex]: (slice) => [serviceKeyOf(slice) ?? ''] },
    })
    const written = new OwnWrites(clock)
    const triggers = new TriggerTimes()

    onAnyChange(serviceCache, enqueueSelf(queue))
    onServicePodChange(podCache, serviceCache.lister, (service) =>
      queue.addAfter(keyOf(service), Math.max(config['endpointslice-updates-batch-period'], burstMs)),
    )
    const enqueueOfSlice = (slice: EndpointSlice): void => {
      const key = serviceKeyOf(slice)
      if (key !== undefined) queue.add(key)
    }
    sliceCache.addHandler({
      onAdd: enqueueOfSlice,
      onUpdate: (old, slice) => {
        enqueueOfSlice(slice)
        // The label was taken off: its Service has to make another.
        if (serviceKeyOf(old) !== serviceKeyOf(slice)) enqueueOfSlice(old)
      },
      onDelete: (slice) => {
        written.gone(slice)
        enqueueOfSlice(slice)
      },
    })
    /** Shares of the zones, until Nodes change. */
    let shares: { readonly value: ReturnType<typeof cpuShares> } | undefined
    const currentShares = (): ReturnType<typeof cpuShares> => {
      shares ??= { value: cpuShares(nodeCache.lister.list()) }
      return shares.value
    }
    const enqueueServices = (wanted: (service: Service) => boolean): void => {
      for (const service of serviceCache.lister.list()) if (wanted(service)) queue.add(keyOf(service))
    }
    const onTopologyChange = (): void => {
      shares = undefined
      enqueueServices(wantsTopologyHints)
    }
    nodeCache.addHandler({
      onAdd: onTopologyChange,
      onDelete: onTopologyChange,
      onUpdate: (old: Node, node: Node) => {
        if (topologyFacts(old) !== topologyFacts(node)) onTopologyChange()
        if (zoneOf(old) !== zoneOf(node)) enqueueServices(() => true)
      },
    })

    /** Services that have hints by topology: a change of that is told. */
    const hintedServices = new Set<string>()
    const tellHints = (service: Service, { hinted, disabled }: HintedGroups): void => {
      const key = keyOf(service)
      const wasHinted = hintedServices.has(key)
      for (const message of disabled) events.event(service, 'Warning', 'TopologyAwareHintsDisabled', message)
      if (hinted.length > 0) {
        hintedServices.add(key)
        if (wasHinted) return
        for (const family of hinted) {
          const message = `Topology Aware Hints has been enabled, addressType: ${family}`
          events.event(service, 'Normal', 'TopologyAwareHintsEnabled', message)
        }
      } else if (hintedServices.delete(key) && disabled.length === 0) {
        for (const family of familiesOf(service)) {
          const message = `Topology Aware Hints has been disabled, addressType: ${family}`
          events.event(service, 'Warning', 'TopologyAwareHintsDisabled', message)
        }
      }
    }

    const remove = async (slice: EndpointSlice): Promise<void> => {
      try {
        await client.delete(endpointSlices, nameOf(slice), namespaceOf(slice))
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }

    const reconcile = async (key: string): Promise<undefined> => {
      const { namespace } = splitKey(key)
      const service = serviceCache.lister.get(key)
      if (service === undefined) {
        // The slices are the garbage collector's now, by their owner reference.
        written.forget(key)
        hintedServices.delete(key)
        triggers.forget(key)
        return
      }
      const selector = service.spec?.selector
      if (selector === undefined || selector === null || Object.keys(selector).length === 0) return
      if (service.spec?.type === 'ExternalName' || isDeleting(service)) return
      if (written.isStale(key, (child) => sliceCache.lister.get(child))) return
      const selected = podCache.lister.byNamespace(namespace).filter((pod) => matchesSet(selector, labelsOf(pod)))
      const triggerMs = triggers.next(service, selected)
      const existing = sliceCache.lister.byIndex(serviceIndex, key)
      const wanted = desiredGroups(service, selected, (node) => nodeCache.lister.get(node))
      const hints = addHints(service, wanted, existing, currentShares())
      tellHints(service, hints)
      const plan = planSlices(service, hints.groups, existing, config['max-endpoints-per-slice'])
      try {
        // What is new comes first: endpoints may be twice for a moment, but never missing.
        const told = (slice: EndpointSlice): EndpointSlice => withTriggerTime(slice, triggerMs)
        await all(plan.create, async (slice) => written.wrote(key, await client.create(endpointSlices, told(slice))))
        await all(plan.update, async (slice) => written.wrote(key, await client.update(endpointSlices, told(slice))))
        await all(plan.delete, remove)
      } catch (error) {
        if (isNamespaceTerminating(error)) return
        if (!isReason(error, 'Conflict')) {
          const message = `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`
          events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', message)
        }
        throw error
      }
    }
    return workersOf(context, {
      name: 'endpointslice-controller',
      queue,
      concurrency: config['concurrent-service-endpoint-syncs'],
      reconcile,
    })
  },
}
