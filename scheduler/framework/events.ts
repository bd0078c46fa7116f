/** Events of the cluster, and what plugins say about them: the words of upstream's QueueingHints. */
import type { KubeObject, Pod } from '../../api/types.ts'

/**
 * The resource that an event is about. Pods are of three sorts: `AssignedPod` has a node, `TargetPod` is the waiting Pod
 * itself, `UnscheduledPod` is another one that waits; `Pod` is all of them, `*` any resource.
 */
export type EventResource =
  | 'Pod'
  | 'AssignedPod'
  | 'UnscheduledPod'
  | 'TargetPod'
  | 'Node'
  | 'PersistentVolume'
  | 'PersistentVolumeClaim'
  | 'storage.k8s.io/CSINode'
  | 'storage.k8s.io/CSIDriver'
  | 'storage.k8s.io/CSIStorageCapacity'
  | 'storage.k8s.io/StorageClass'
  | 'storage.k8s.io/VolumeAttachment'
  | 'resource.k8s.io/ResourceClaim'
  | 'resource.k8s.io/ResourceSlice'
  | 'resource.k8s.io/DeviceClass'
  | '*'

/** What happened to it. An update is named as exactly as possible; `UpdateOther` is none of the named ones. */
export type EventAction =
  | 'Add'
  | 'Delete'
  | 'UpdateNodeAllocatable'
  | 'UpdateNodeLabel'
  | 'UpdateNodeTaint'
  | 'UpdateNodeCondition'
  | 'UpdateNodeAnnotation'
  | 'UpdateNodeDeclaredFeature'
  | 'UpdatePodLabel'
  | 'UpdatePodScaleDown'
  | 'UpdatePodToleration'
  | 'UpdatePodSchedulingGatesEliminated'
  | 'UpdatePodGeneratedResourceClaim'
  | 'UpdateOther'

/** Something that happened. */
export interface ClusterEvent {
  readonly resource: EventResource
  readonly action: EventAction
  /** For logs and metrics, where it is not resource and action: `UnschedulableTimeout`. */
  readonly label?: string
}

/** Undefined `old`: it was added; undefined `current`: it was deleted. */
export interface ChangedObject {
  readonly old: KubeObject | undefined
  readonly current: KubeObject | undefined
}

/**
 * Whether a change may make a Pod fit that this plugin rejected. `Queue`: try it again; `Skip`: it does not help.
 * Runs for each rejected Pod, so it should be cheap. If it throws, the Pod is queued.
 */
export type QueueingHint = (pod: Pod, change: ChangedObject) => 'Queue' | 'Skip'

/** Asks to be told of events. `Update` is any update, `All` any action. Without a hint all of them queue the Pod. */
export interface EventRegistration {
  readonly resource: EventResource
  readonly actions: readonly (EventAction | 'Update' | 'All')[]
  readonly hint?: QueueingHint
}

/** A wildcard registration: for plugins that cannot tell what would help. */
export const anyEvent: EventRegistration = { resource: '*', actions: ['All'] }

const podResources: ReadonlySet<EventResource> = new Set(['AssignedPod', 'UnscheduledPod', 'TargetPod'])

const resourceMatches = (registered: EventResource, happened: EventResource): boolean =>
  registered === '*' || registered === happened || (registered === 'Pod' && podResources.has(happened))

/** Whether a registration is about an event. Upstream: framework.MatchClusterEvents. */
export const registrationMatches = ({ resource, actions }: EventRegistration, event: ClusterEvent): boolean =>
  resourceMatches(resource, event.resource) &&
  actions.some(
    (action) =>
      action === 'All' || action === event.action || (action === 'Update' && event.action.startsWith('Update')),
  )

/** `AssignedPodDelete`, as metrics and logs name it. Upstream: ClusterEvent.Label. */
export const eventLabel = ({ resource, action, label }: ClusterEvent): string =>
  label ?? `${resource}${action === 'UpdateOther' ? 'Update' : action}`

/** The event that wakes every Pod, whatever rejected it. */
export const wakesAll = (event: ClusterEvent): boolean => event.resource === '*'
