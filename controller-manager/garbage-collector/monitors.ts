/** Follows every deletable resource that the API server serves, built-in or custom, and feeds the owner graph. */
import { apiVersionOf, apiServices, customResourceDefinitions, resourceRef } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import { createInformer, type Informer } from '../../client/cache/informer.ts'
import { type DiscoveredResource, discover } from '../discovery.ts'
import type { ControllerContext } from '../context.ts'
import { messageOf } from '../errors.ts'
import { metadataOnly } from '../metadata-only.ts'
import { uidOf } from '../objects.ts'
import { onAnyChange, queueOf, workersOf } from '../wiring.ts'
import type { GraphWork, OwnerGraph } from './graph.ts'

/** Discovery is read again after changes of definitions have gone quiet, and now and then for what has no event. */
const debounceMs = 500
const resyncMs = 300_000
const syncKey = 'discovery'

/** Events are too many and own nothing. Upstream: DefaultIgnoredResources. */
const isIgnored = ({ group, resource }: DiscoveredResource): boolean =>
  resource === 'events' && (group === '' || group === 'events.k8s.io')

const isCollectable = (resource: DiscoveredResource): boolean =>
  ['delete', 'list', 'watch'].every((verb) => resource.verbs.includes(verb)) && !isIgnored(resource)

/** Most updates are of content and mean nothing to the graph. */
const concernsGraph = (old: KubeObject, next: KubeObject): boolean => {
  const a = old.metadata
  const b = next.metadata
  if (a?.deletionTimestamp !== b?.deletionTimestamp) return true
  return (
    JSON.stringify(a?.ownerReferences ?? []) !== JSON.stringify(b?.ownerReferences ?? []) ||
    JSON.stringify(a?.finalizers ?? []) !== JSON.stringify(b?.finalizers ?? [])
  )
}

interface Monitor {
  readonly informer: Informer<KubeObject>
  readonly stop: AbortController
}

export interface Monitors {
  /** Reads discovery and follows it until the signal is aborted. */
  readonly run: () => Promise<unknown>
  /** Resolves once everything that existed at the start is in the graph. */
  readonly whenSynced: () => Promise<void>
  /** The resource that serves a kind; undefined if none does, and then discovery is read again soon. */
  readonly resourceOf: (apiVersion: string, kind: string) => DiscoveredResource | undefined
}

export const createMonitors = (
  context: ControllerContext,
  graph: OwnerGraph,
  onWork: (work: GraphWork) => void,
): Monitors => {
  const { client, informers, log, signal } = context
  const queue = queueOf(context)
  const monitors = new Map<string, Monitor>()
  const kinds = new Map<string, DiscoveredResource>()
  const ready = Promise.withResolvers<void>()
  const resync = (): void => queue.addAfter(syncKey, debounceMs)
  onAnyChange(informers.for(customResourceDefinitions), resync)
  onAnyChange(informers.for(apiServices), resync)

  const follow = (resource: DiscoveredResource): Monitor => {
    const ref = resourceRef<KubeObject>(resource)
    const stop = new AbortController()
    // Built-in resources share the caches of the other controllers; custom ones come and go with their definitions.
    const isCustom = resource.group.includes('.') && !resource.group.endsWith('.k8s.io')
    const informer = isCustom
      ? createInformer(client, ref, { transform: metadataOnly, log })
      : informers.for(ref, { transform: metadataOnly })
    const type = { apiVersion: apiVersionOf(ref), kind: resource.kind }
    informer.addHandler({
      onAdd: (object) => onWork(graph.observe(object, type)),
      onUpdate: (old, object) => {
        if (concernsGraph(old, object)) onWork(graph.observe(object, type))
      },
      onDelete: (object) => onWork(graph.remove(uidOf(object))),
    })
    if (isCustom) void informer.start(AbortSignal.any([signal, stop.signal]))
    return { informer, stop }
  }

  const reconcile = async (): Promise<{ requeueAfterMs: number }> => {
    const { preferred, all, failed } = await discover(client)
    kinds.clear()
    for (const resource of all) {
      const version = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
      kinds.set(`${version}/${resource.kind}`, resource)
    }
    const wanted = new Map(
      preferred.filter(isCollectable).map((resource) => [`${resource.group}/${resource.resource}`, resource]),
    )
    for (const [id, resource] of wanted) if (!monitors.has(id)) monitors.set(id, follow(resource))
    for (const [id, monitor] of monitors) {
      const group = id.slice(0, id.lastIndexOf('/'))
      const unsure = failed.some(({ groupVersion }) => groupVersion.startsWith(`${group}/`))
      if (wanted.has(id) || unsure) continue
      // Its definition is gone, and all its objects with it.
      monitor.stop.abort()
      monitors.delete(id)
      for (const object of monitor.informer.lister.list()) onWork(graph.remove(uidOf(object)))
    }
    if (failed.length > 0) log.debug({ failed }, 'some groups could not be discovered')
    Promise.all([...monitors.values()].map(({ informer }) => informer.whenSynced(signal))).then(
      () => ready.resolve(),
      (error: unknown) => log.debug({ err: messageOf(error) }, 'monitors not synced'),
    )
    return { requeueAfterMs: resyncMs }
  }

  return {
    run: () => {
      queue.add(syncKey)
      return workersOf(context, { name: 'garbage-collector-monitors', queue, concurrency: 1, reconcile })()
    },
    whenSynced: () => ready.promise,
    resourceOf: (apiVersion, kind) => {
      const resource = kinds.get(`${apiVersion}/${kind}`)
      if (resource === undefined) resync()
      return resource
    },
  }
}
