/** What informers see, told to the cache and to the queue. Upstream: pkg/scheduler/eventhandlers.go. */
import { isPodTerminal } from '../api/meta/pods.ts'
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  deviceClasses,
  nodes as nodesRef,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podsRef,
  type ResourceRef,
  resourceClaims,
  resourceSlices,
  storageClasses,
  volumeAttachments,
} from '../api/resources.ts'
import type { KubeObject, Pod } from '../api/types.ts'
import type { InformerFactory } from '../client/cache/informer.ts'
import type { SchedulerCache } from './cache/cache.ts'
import type { ClusterEvent, EventRegistration, EventResource } from './framework/events.ts'
import { nodeActions, podActions } from './framework/object-changes.ts'
import type { Nominator } from './queue/nominator.ts'
import type { SchedulingQueue } from './queue/scheduling-queue.ts'

export interface EventTargets {
  readonly cache: SchedulerCache
  readonly queue: SchedulingQueue
  readonly nominator: Nominator
  /** Whether one of our profiles schedules the Pod. */
  readonly isOurs: (pod: Pod) => boolean
  /** The Pod is gone: nobody has to wait for it any longer. */
  readonly onGone: (pod: Pod) => void
}

/** Resources that are watched if a plugin asks for their events. */
const watched: Readonly<Partial<Record<EventResource, ResourceRef>>> = {
  PersistentVolume: persistentVolumes,
  PersistentVolumeClaim: persistentVolumeClaims,
  'storage.k8s.io/CSINode': csiNodes,
  'storage.k8s.io/CSIDriver': csiDrivers,
  'storage.k8s.io/CSIStorageCapacity': csiStorageCapacities,
  'storage.k8s.io/StorageClass': storageClasses,
  'storage.k8s.io/VolumeAttachment': volumeAttachments,
  'resource.k8s.io/ResourceClaim': resourceClaims,
  'resource.k8s.io/ResourceSlice': resourceSlices,
  'resource.k8s.io/DeviceClass': deviceClasses,
}

const hasNode = (pod: Pod): boolean => (pod.spec?.nodeName ?? '') !== ''
const uidOf = (pod: Pod): string => pod.metadata?.uid ?? ''

const watchNodes = (informers: InformerFactory, { cache, queue }: EventTargets): void => {
  informers.for(nodesRef).addHandler({
    onAdd: (node) => {
      cache.setNode(node)
      queue.onEvent({ resource: 'Node', action: 'Add' }, { old: undefined, current: node })
    },
    onUpdate: (old, node) => {
      cache.setNode(node)
      for (const action of nodeActions(old, node)) queue.onEvent({ resource: 'Node', action }, { old, current: node })
    },
    onDelete: (node) => {
      cache.removeNode(node.metadata?.name ?? '')
      queue.onEvent({ resource: 'Node', action: 'Delete' }, { old: node, current: undefined })
    },
  })
}

const assigned = (action: ClusterEvent['action']): ClusterEvent => ({ resource: 'AssignedPod', action })
const unscheduled = (action: ClusterEvent['action']): ClusterEvent => ({ resource: 'UnscheduledPod', action })

/** A Pod that waits for a node; `old` waited too. */
const onWaitingPod = (old: Pod | undefined, pod: Pod, { cache, queue, nominator, isOurs }: EventTargets): void => {
  if (cache.isAssumed(uidOf(pod))) return // its binding is under way
  if (!isOurs(pod)) return
  nominator.follow(old, pod)
  if (pod.metadata?.deletionTimestamp !== undefined) {
    nominator.remove(uidOf(pod))
    return queue.delete(uidOf(pod))
  }
  const isNew = old === undefined
  queue.set(pod)
  if (isNew) queue.onEvent(unscheduled('Add'), { old, current: pod }, uidOf(pod))
  else for (const action of podActions(old, pod)) queue.onEvent(unscheduled(action), { old, current: pod }, uidOf(pod))
}

/** A Pod that has a node. */
const onAssignedPod = (old: Pod | undefined, pod: Pod, { cache, queue, nominator }: EventTargets): void => {
  queue.delete(uidOf(pod))
  nominator.remove(uidOf(pod))
  cache.setPod(pod)
  if (old === undefined || !hasNode(old)) return queue.onEvent(assigned('Add'), { old: undefined, current: pod })
  // Statuses change all the time: what scheduling looks at seldom does.
  for (const action of podActions(old, pod)) queue.onEvent(assigned(action), { old, current: pod })
}

/** Gone, or finished: what it held is free. */
const onGonePod = (pod: Pod, { cache, queue, nominator, onGone }: EventTargets): void => {
  queue.delete(uidOf(pod))
  const held = hasNode(pod) || cache.isAssumed(uidOf(pod)) || nominator.nodeOf(uidOf(pod)) !== undefined
  nominator.remove(uidOf(pod))
  cache.removePod(uidOf(pod))
  onGone(pod)
  if (held) queue.onEvent(assigned('Delete'), { old: pod, current: undefined })
  else queue.onEvent(unscheduled('Delete'), { old: pod, current: undefined })
}

const watchPods = (informers: InformerFactory, targets: EventTargets): void => {
  const onPod = (old: Pod | undefined, pod: Pod): void => {
    if (isPodTerminal(pod)) {
      if (old === undefined || !isPodTerminal(old)) onGonePod(pod, targets)
      return
    }
    if (hasNode(pod)) onAssignedPod(old, pod, targets)
    else onWaitingPod(old, pod, targets)
  }
  informers.for(podsRef).addHandler({
    onAdd: (pod) => onPod(undefined, pod),
    onUpdate: onPod,
    onDelete: (pod) => {
      if (!isPodTerminal(pod)) onGonePod(pod, targets)
    },
  })
}

const watchOthers = (
  informers: InformerFactory,
  { queue }: EventTargets,
  registrations: readonly EventRegistration[],
): void => {
  const asked = new Set(registrations.map(({ resource }) => resource))
  for (const [name, ref] of Object.entries(watched) as [EventResource, ResourceRef][]) {
    if (!asked.has(name) && !asked.has('*')) continue
    const tell = (action: ClusterEvent['action'], old?: KubeObject, current?: KubeObject): void =>
      queue.onEvent({ resource: name, action }, { old, current })
    informers.for(ref).addHandler({
      onAdd: (object) => tell('Add', undefined, object),
      onUpdate: (old, object) => tell('UpdateOther', old, object),
      onDelete: (object) => tell('Delete', object),
    })
  }
}

/** Begins to listen to nodes, Pods, and what else plugins have registered for. */
export const addEventHandlers = (
  informers: InformerFactory,
  targets: EventTargets,
  registrations: readonly EventRegistration[],
): void => {
  watchNodes(informers, targets)
  watchPods(informers, targets)
  watchOthers(informers, targets, registrations)
}
