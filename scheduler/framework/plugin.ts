/**
 * The scheduling framework: what a plugin is. Upstream's extension points under upstream's names; a plugin is an object
 * literal that a factory makes of its arguments and its handle.
 *
 *     PreEnqueue ─ queue (QueueSort) ─► PreFilter ─► Filter ─► PreScore ─► Score ─► Reserve ─► Permit ┊► PreBind ─► Bind ─► PostBind
 *                                           └─ no node ─► PostFilter                                  ┊
 *
 * Left of the dots is the scheduling cycle: one Pod at a time and synchronous, so nothing changes meanwhile. Right of
 * them is the binding cycle, which each Pod runs for itself.
 */
import type { Pod } from '../../api/types.ts'
import type { CycleState } from './cycle-state.ts'
import type { EventRegistration } from './events.ts'
import type { Handle } from './handle.ts'
import type { LiveNodeInfo } from './node-info.ts'
import type { Rejection, Skip, Wait } from './status.ts'

/** A Pod in the queue, as QueueSort sees it. */
export interface QueuedPodInfo {
  readonly pod: Pod
  /** When it came into the queue, now or after its last attempt; milliseconds. */
  readonly timestamp: number
  /** When it was first seen, and how often it was tried. */
  readonly addedAt: number
  readonly attempts: number
}

/** PreFilter went well. */
export interface PreFiltered<State> {
  readonly code: 'Success'
  /** Handed to all later extension points of the plugin in this cycle, which may change it. */
  readonly state: State
  /** The only nodes that come into question; undefined: all. */
  readonly nodeNames?: ReadonlySet<string>
}

/** What Filter found: why each node was rejected. */
export interface Diagnosis {
  readonly nodeToStatus: ReadonlyMap<string, Rejection>
  /** Holds for all nodes that `nodeToStatus` does not name: PreFilter left them out, or rejected the Pod. */
  readonly absentNodesStatus: Rejection
}

/** What a PostFilter plugin did for a Pod that fits nowhere. */
export interface PostFilterResult {
  /** Undefined: the nomination stays as it is; '': it is cleared. */
  readonly nominatedNodeName?: string
  /** Why it did not help; undefined: it did, later PostFilter plugins do not run. */
  readonly rejection?: Rejection
}

/** What runs beside the cycle: ends with the scheduler. */
export interface BindContext<State> {
  readonly state: State
  readonly signal: AbortSignal
}

/** Whether PreBind has work: `Sequential` alone, `Parallel` together with its neighbours that say the same. */
export type PreFlight = Skip | { readonly code: 'Sequential' | 'Parallel' }

/**
 * `State` is what `preFilter` returned, `ScoreState` what `preScore` did. Methods, not function properties: a list of
 * plugins knows nothing of their states.
 */
export interface Plugin<State = unknown, ScoreState = unknown> {
  /** Upstream's name, as configuration, events and metrics show it. */
  readonly name: string
  /** Events after which a Pod that this plugin rejected may fit. A rejecting plugin that names none is asked at any. */
  readonly eventsToRegister?: readonly EventRegistration[]

  /** Rejected: the Pod does not get into the queue until an event or a change of it. */
  preEnqueue?(pod: Pod): Rejection | undefined
  /** The order of the queue; all profiles share it. */
  less?(a: QueuedPodInfo, b: QueuedPodInfo): boolean

  /** Prepares once for each Pod what Filter needs for each node; a rejection is one for all nodes. */
  preFilter?(pod: Pod, nodes: readonly LiveNodeInfo[]): PreFiltered<State> | Skip | Rejection
  /** Copies what AddPod and RemovePod change. */
  cloneState?(state: State): State
  /** What Filter would know if `added` were on the node: for preemption and nominated Pods. */
  addPod?(state: State, pod: Pod, added: Pod, info: LiveNodeInfo): void
  removePod?(state: State, pod: Pod, removed: Pod, info: LiveNodeInfo): void
  filter?(pod: Pod, info: LiveNodeInfo, state: State): Rejection | undefined
  /** Makes room, if it can. Only what asks somebody outside (an extender) should return a promise: all Pods wait for it. */
  postFilter?(pod: Pod, diagnosis: Diagnosis, cycle: CycleState): PostFilterResult | Promise<PostFilterResult>

  /** Undefined: this plugin has no say for this Pod, and Score is skipped. */
  preScore?(pod: Pod, feasible: readonly LiveNodeInfo[], state: State | undefined): ScoreState | undefined
  /** Raw score; 0 to 100 unless `normalizeScores` brings it there. */
  score?(pod: Pod, info: LiveNodeInfo, state: ScoreState): number
  /** Brings all nodes' raw scores into 0 to 100, in place. */
  normalizeScores?(scores: number[], pod: Pod, state: ScoreState): void

  /** Takes what the Pod needs, before anybody else is scheduled; must be undone by `unreserve`, also half of it. */
  reserve?(pod: Pod, nodeName: string, state: State | undefined): Rejection | undefined
  unreserve?(pod: Pod, nodeName: string, state: State | undefined): void
  permit?(pod: Pod, nodeName: string, state: State | undefined): Rejection | Wait | undefined

  preBindPreFlight?(pod: Pod, nodeName: string, state: State | undefined): PreFlight
  /** A rejection is as good as an error here: the Pod is tried again after its back-off. */
  preBind?(pod: Pod, nodeName: string, context: BindContext<State | undefined>): Promise<Rejection | undefined>
  /** Skip: the next Bind plugin is asked. */
  bind?(pod: Pod, nodeName: string, context: BindContext<State | undefined>): Promise<Skip | undefined>
  postBind?(pod: Pod, nodeName: string, state: State | undefined): void
}

/**
 * Makes a plugin for one profile. `args` are those of `pluginConfig` with defaults, undefined for plugins that have
 * none there. Throws on arguments that it cannot use.
 */
export type PluginFactory = (args: unknown, handle: Handle) => Plugin

/** A plugin that certainly has these extension points. */
export type PluginWith<Point extends keyof Plugin> = Plugin & Required<Pick<Plugin, Point>>
export type FilterPlugin = PluginWith<'filter'>

export const implementsPoint =
  <Point extends keyof Plugin>(point: Point) =>
  (plugin: Plugin): plugin is PluginWith<Point> =>
    plugin[point] !== undefined
