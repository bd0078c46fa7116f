/** What plugins may use of the scheduler. */
import type { Namespace, Pod } from '../../api/types.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import type { EventRecorder } from '../../client/events/event-recorder.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { CycleState } from './cycle-state.ts'
import type { Extender } from './extender.ts'
import type { LiveNodeInfo } from './node-info.ts'
import type { Rejection } from './status.ts'

/**
 * The nodes and the Pods on them, assumed ones too. It is the scheduler's own cache and always current: within a
 * scheduling cycle it does not change, since a cycle does not await.
 */
export interface Snapshot {
  /** Nodes that exist, in the order in which they are tried. */
  readonly nodes: readonly LiveNodeInfo[]
  get(nodeName: string): LiveNodeInfo | undefined
  /** Nodes with Pods that have any affinity or anti-affinity to Pods. */
  readonly nodesWithPodAffinity: Iterable<LiveNodeInfo>
  /** Nodes with Pods that have required anti-affinity to Pods. */
  readonly nodesWithPodAntiAffinity: Iterable<LiveNodeInfo>
  /** How many nodes have an image of this name. */
  nodesWithImage(name: string): number
  /** Goes up whenever a Pod or node is added, changed or removed. */
  readonly generation: number
  readonly namespaces: { get(name: string): Namespace | undefined }
}

/** Pods that preemption promised a node to. */
export interface PodNominator {
  /** Nominated to this node and not yet on it, in no order. */
  nominatedPodsForNode(nodeName: string): readonly Pod[]
}

/** A Pod that Permit lets wait. */
export interface WaitingPod {
  readonly pod: Pod
  readonly nodeName: string
  /** Plugins that have not allowed it yet. */
  readonly pendingPlugins: readonly string[]
  allow(plugin: string): void
  reject(plugin: string, message: string): void
}

/** Runs extension points of the profile, for plugins that try things out. */
export interface PluginsRunner {
  cloneState(cycle: CycleState): CycleState
  addPod(cycle: CycleState, pod: Pod, change: { readonly added: Pod; readonly info: LiveNodeInfo }): void
  removePod(cycle: CycleState, pod: Pod, change: { readonly removed: Pod; readonly info: LiveNodeInfo }): void
  /** Filter on one node, as if the Pods that are nominated to it were there. Upstream: RunFilterPluginsWithNominatedPods. */
  filterWithNominatedPods(cycle: CycleState, pod: Pod, info: LiveNodeInfo): Rejection | undefined
}

/** Counters that plugins feed. */
export interface PluginMetrics {
  readonly preemptionAttempts: { inc(): void }
  readonly preemptionVictims: { observe(victims: number): void }
}

export interface Handle {
  /** The `schedulerName` of the profile. */
  readonly profileName: string
  readonly snapshot: Snapshot
  readonly nominator: PodNominator
  readonly runner: PluginsRunner
  readonly client: RestClient
  /**
   * Informers of any resource. One that a factory asks for is synced before the first Pod is scheduled; resources that
   * nobody asks for are not watched.
   */
  readonly informers: InformerFactory
  readonly recorder: EventRecorder
  readonly clock: Clock
  /** 0 to 1; seeded in tests. */
  readonly random: () => number
  readonly log: Logger
  readonly metrics: PluginMetrics
  readonly extenders: readonly Extender[]
  readonly waitingPods: { get(uid: string): WaitingPod | undefined; list(): readonly WaitingPod[] }
  /** Tries waiting Pods now, whatever they wait for. */
  activate(pods: readonly Pod[]): void
  /** Aborted when this scheduler stops, or leads no longer. */
  readonly signal: AbortSignal
}
