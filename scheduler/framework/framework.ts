/** One profile's plugins, run point by point. Upstream: pkg/scheduler/framework/runtime/framework.go. */
import type { Pod } from '../../api/types.ts'
import { CycleState } from './cycle-state.ts'
import type { PluginsRunner, PodNominator } from './handle.ts'
import { isLive, type LiveNodeInfo } from './node-info.ts'
import { type FrameworkObserver, nobody, type PointName } from './observer.ts'
import type { BindContext, Diagnosis, Plugin, PluginWith, PostFilterResult } from './plugin.ts'
import { maxNodeScore } from './scores.ts'
import { messageOf, type Rejection, unresolvable, type Wait } from './status.ts'

/** A score plugin with its weight. */
export interface WeightedPlugin {
  readonly plugin: PluginWith<'score'>
  readonly weight: number
}

/** Plugins by extension point, each list in the order in which it runs. */
export interface ProfilePlugins {
  /** Each once: for states and events. */
  readonly all: readonly Plugin[]
  readonly preEnqueue: readonly PluginWith<'preEnqueue'>[]
  readonly queueSort: PluginWith<'less'>
  readonly preFilter: readonly PluginWith<'preFilter'>[]
  readonly filter: readonly PluginWith<'filter'>[]
  readonly postFilter: readonly PluginWith<'postFilter'>[]
  readonly preScore: readonly PluginWith<'preScore'>[]
  readonly score: readonly WeightedPlugin[]
  readonly reserve: readonly Plugin[]
  readonly permit: readonly PluginWith<'permit'>[]
  readonly preBind: readonly PluginWith<'preBind'>[]
  readonly bind: readonly PluginWith<'bind'>[]
  readonly postBind: readonly PluginWith<'postBind'>[]
}

/** Pods nowhere nominated: for profiles without preemption, and tests. */
export const noNominations: PodNominator = { nominatedPodsForNode: () => [] }

export interface PreFilterOutcome {
  /** Undefined: all nodes. */
  readonly nodeNames: ReadonlySet<string> | undefined
  /** Who narrowed them. */
  readonly narrowedBy: readonly string[]
  readonly rejection: Rejection | undefined
}

interface PreBindTarget {
  readonly nodeName: string
  readonly signal: AbortSignal
  /** Of `preBindGroups`. */
  readonly groups: readonly (readonly PluginWith<'preBind'>[])[]
}

const signed = (rejection: Rejection, plugin: Plugin): Rejection => {
  rejection.plugin ??= plugin.name
  return rejection
}

const priorityOf = (pod: Pod): number => pod.spec?.priority ?? 0

const intersect = (a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined) =>
  a === undefined ? b : b === undefined ? a : a.intersection(b)

/** Why no node is left when all were excluded by name. */
const nothingLeft = (names: readonly string[]): Rejection =>
  names.length === 1
    ? unresolvable(`node(s) didn't satisfy plugin ${names[0]}`)
    : unresolvable(`node(s) didn't satisfy plugin(s) [${names.join(' ')}] simultaneously`)

export class Framework implements PluginsRunner {
  readonly profileName: string
  readonly plugins: ProfilePlugins
  readonly #nominator: PodNominator
  readonly #observer: FrameworkObserver

  constructor(
    profileName: string,
    plugins: ProfilePlugins,
    { nominator, observer = nobody }: { readonly nominator: PodNominator; readonly observer?: FrameworkObserver },
  ) {
    this.profileName = profileName
    this.plugins = plugins
    this.#nominator = nominator
    this.#observer = observer
  }

  /** A new Pod's state. */
  newCycle(): CycleState {
    const cycle = new CycleState()
    cycle.measured = this.#observer.isMeasured()
    return cycle
  }

  /** Runs an extension point and tells how long it took and how it ended. */
  #timed<Result>(point: PointName, run: () => Result, statusOf: (result: Result) => string = () => 'Success'): Result {
    const startedAt = performance.now()
    let status = 'Error'
    try {
      const result = run()
      status = statusOf(result)
      return result
    } finally {
      this.#observer.onPoint(point, status, (performance.now() - startedAt) / 1000)
    }
  }

  async #timedAsync<Result>(
    point: PointName,
    run: () => Promise<Result>,
    statusOf: (result: Result) => string = () => 'Success',
  ): Promise<Result> {
    const startedAt = performance.now()
    let status = 'Error'
    try {
      const result = await run()
      status = statusOf(result)
      return result
    } finally {
      this.#observer.onPoint(point, status, (performance.now() - startedAt) / 1000)
    }
  }

  /** One plugin of an extension point, measured if its cycle is. */
  #call<Result>(
    cycle: CycleState,
    at: { readonly plugin: Plugin; readonly point: PointName },
    run: () => Result,
  ): Result {
    if (!cycle.measured) return run()
    const startedAt = performance.now()
    const result = run()
    const code = typeof result === 'object' && result !== null && 'code' in result ? String(result.code) : 'Success'
    const seconds = (performance.now() - startedAt) / 1000
    this.#observer.onPlugin(at.plugin.name, at.point, { status: code, seconds })
    return result
  }

  /** What the filters did for all nodes of a cycle. */
  observeFilters(cycle: CycleState, seconds: number, status: 'Success' | 'Unschedulable' | 'Error'): void {
    this.#observer.onPoint('Filter', status, seconds)
    for (const { plugin } of cycle.prepare(this.plugins.filter)) this.#observer.onEvaluation(plugin.name, 'Filter')
  }

  /** The first rejection keeps the Pod out of the queue. */
  preEnqueue(pod: Pod): Rejection | undefined {
    for (const plugin of this.plugins.preEnqueue) {
      const rejection = plugin.preEnqueue(pod)
      if (rejection !== undefined) return signed(rejection, plugin)
    }
    return undefined
  }

  /** An unresolvable rejection ends it at once; after another one the rest still run, since they fill their states. */
  preFilter(cycle: CycleState, pod: Pod, nodes: readonly LiveNodeInfo[]): PreFilterOutcome {
    return this.#timed(
      'PreFilter',
      () => this.#preFilter(cycle, pod, nodes),
      ({ rejection }) => rejection?.code ?? 'Success',
    )
  }

  #preFilter(cycle: CycleState, pod: Pod, nodes: readonly LiveNodeInfo[]): PreFilterOutcome {
    let nodeNames: ReadonlySet<string> | undefined
    let rejection: Rejection | undefined
    const narrowedBy: string[] = []
    for (const plugin of this.plugins.preFilter) {
      const result = this.#call(cycle, { plugin, point: 'PreFilter' }, () => plugin.preFilter(pod, nodes))
      if (result.code === 'Skip') {
        cycle.skipped.add(plugin.name)
        continue
      }
      this.#observer.onEvaluation(plugin.name, 'PreFilter')
      if (result.code !== 'Success') {
        rejection = signed(result, plugin)
        if (result.code === 'UnschedulableAndUnresolvable') return { nodeNames: undefined, narrowedBy: [], rejection }
        continue
      }
      cycle.write(plugin.name, result.state)
      if (result.nodeNames === undefined) continue
      narrowedBy.push(plugin.name)
      nodeNames = intersect(nodeNames, result.nodeNames)
      if (nodeNames?.size === 0) return { nodeNames, narrowedBy, rejection: nothingLeft(narrowedBy.toSorted()) }
    }
    return { nodeNames, narrowedBy, rejection }
  }

  cloneState(cycle: CycleState): CycleState {
    return cycle.clone(this.plugins.all)
  }

  addPod(cycle: CycleState, pod: Pod, { added, info }: { readonly added: Pod; readonly info: LiveNodeInfo }): void {
    for (const plugin of this.plugins.preFilter) {
      if (!cycle.skipped.has(plugin.name)) plugin.addPod?.(cycle.read(plugin.name), pod, added, info)
    }
  }

  removePod(
    cycle: CycleState,
    pod: Pod,
    { removed, info }: { readonly removed: Pod; readonly info: LiveNodeInfo },
  ): void {
    for (const plugin of this.plugins.preFilter) {
      if (!cycle.skipped.has(plugin.name)) plugin.removePod?.(cycle.read(plugin.name), pod, removed, info)
    }
  }

  filter(cycle: CycleState, pod: Pod, info: LiveNodeInfo): Rejection | undefined {
    for (const { plugin, state } of cycle.prepare(this.plugins.filter)) {
      const rejection = plugin.filter(pod, info, state)
      if (rejection !== undefined) return signed(rejection, plugin)
    }
    return undefined
  }

  /**
   * The node must do with the Pods that are nominated to it and at least as important, and without them: they may never
   * come, and the Pod may have affinity to them.
   */
  filterWithNominatedPods(cycle: CycleState, pod: Pod, info: LiveNodeInfo): Rejection | undefined {
    const nominated = this.#nominator.nominatedPodsForNode(info.name)
    if (nominated.length === 0) return this.filter(cycle, pod, info)
    const counted = nominated.filter(
      (other) => other.metadata?.uid !== pod.metadata?.uid && priorityOf(other) >= priorityOf(pod),
    )
    if (counted.length > 0) {
      const copy = info.clone()
      const withThem = this.cloneState(cycle)
      if (!isLive(copy)) return unresolvable('node(s) are gone')
      for (const added of counted) {
        copy.addPod(added)
        this.addPod(withThem, pod, { added, info: copy })
      }
      const rejection = this.filter(withThem, pod, copy)
      if (rejection !== undefined) return rejection
    }
    return this.filter(cycle, pod, info)
  }

  /** The first plugin that makes room ends it; else all their reasons come together. */
  postFilter(cycle: CycleState, pod: Pod, diagnosis: Diagnosis): Promise<PostFilterResult> {
    return this.#timedAsync(
      'PostFilter',
      () => this.#postFilter(cycle, pod, diagnosis),
      ({ rejection }) => rejection?.code ?? 'Success',
    )
  }

  async #postFilter(cycle: CycleState, pod: Pod, diagnosis: Diagnosis): Promise<PostFilterResult> {
    const reasons: string[] = []
    let nomination: PostFilterResult = {}
    for (const plugin of this.plugins.postFilter) {
      const answer = plugin.postFilter(pod, diagnosis, cycle)
      const result = answer instanceof Promise ? await answer : answer
      if (result.nominatedNodeName !== undefined) nomination = { nominatedNodeName: result.nominatedNodeName }
      if (result.rejection === undefined) return nomination
      if (result.rejection.reasons.length > 0) reasons.push(messageOf(result.rejection))
    }
    return { ...nomination, rejection: { code: 'Unschedulable', reasons } }
  }

  /** Sums of weighted scores of each feasible node, in their order. */
  score(cycle: CycleState, pod: Pod, feasible: readonly LiveNodeInfo[]): number[] {
    const active = this.#timed('PreScore', () => this.#preScore(cycle, pod, feasible))
    return this.#timed('Score', () => this.#score(cycle, pod, { feasible, active }))
  }

  /** The score plugins that have a say, with their states. */
  #preScore(cycle: CycleState, pod: Pod, feasible: readonly LiveNodeInfo[]): (WeightedPlugin & { state: unknown })[] {
    return this.plugins.score.flatMap(({ plugin, weight }) => {
      const filterState = cycle.read(plugin.name)
      const { preScore } = plugin
      if (preScore === undefined) return [{ plugin, weight, state: filterState }]
      const state = this.#call(cycle, { plugin, point: 'PreScore' }, () =>
        plugin.preScore?.(pod, feasible, filterState),
      )
      return state === undefined ? [] : [{ plugin, weight, state }]
    })
  }

  #score(
    cycle: CycleState,
    pod: Pod,
    { feasible, active }: { feasible: readonly LiveNodeInfo[]; active: (WeightedPlugin & { state: unknown })[] },
  ): number[] {
    const totals = new Array<number>(feasible.length).fill(0)
    for (const { plugin, weight, state } of active) {
      const scores = new Array<number>(feasible.length)
      this.#call(cycle, { plugin, point: 'Score' }, () => {
        let place = 0
        for (const info of feasible) scores[place++] = plugin.score(pod, info, state)
        plugin.normalizeScores?.(scores, pod, state)
      })
      let index = 0
      for (const score of scores) {
        if (!(score >= 0 && score <= maxNodeScore)) {
          throw new Error(
            `plugin "${plugin.name}" returns an invalid score ${score}, it should in the range of [0, ${maxNodeScore}] after normalizing`,
          )
        }
        totals[index] = (totals[index] ?? 0) + weight * score
        index++
      }
    }
    return totals
  }

  /** What was reserved before a rejection or an error is the caller's to undo, by `unreserve`. */
  reserve(cycle: CycleState, pod: Pod, nodeName: string): Rejection | undefined {
    const run = (): Rejection | undefined => {
      for (const plugin of this.plugins.reserve) {
        const at = { plugin, point: 'Reserve' } as const
        const rejection = this.#call(cycle, at, () => plugin.reserve?.(pod, nodeName, cycle.read(plugin.name)))
        if (rejection !== undefined) return signed(rejection, plugin)
      }
      return undefined
    }
    return this.#timed('Reserve', run, (rejection) => rejection?.code ?? 'Success')
  }

  /** In the reverse order; also for plugins whose `reserve` did not come to run. */
  unreserve(cycle: CycleState, pod: Pod, nodeName: string): void {
    this.#timed('Unreserve', () => {
      for (const plugin of this.plugins.reserve.toReversed()) plugin.unreserve?.(pod, nodeName, cycle.read(plugin.name))
    })
  }

  /** A rejection, or the plugins that want to wait and for how long. */
  permit(cycle: CycleState, pod: Pod, nodeName: string): Rejection | ReadonlyMap<string, Wait> {
    return this.#timed(
      'Permit',
      () => this.#permit(cycle, pod, nodeName),
      (answer) => ('code' in answer ? answer.code : answer.size > 0 ? 'Wait' : 'Success'),
    )
  }

  #permit(cycle: CycleState, pod: Pod, nodeName: string): Rejection | ReadonlyMap<string, Wait> {
    const waits = new Map<string, Wait>()
    for (const plugin of this.plugins.permit) {
      const answer = plugin.permit(pod, nodeName, cycle.read(plugin.name))
      if (answer === undefined) continue
      if (answer.code !== 'Wait') return signed(answer, plugin)
      waits.set(plugin.name, answer)
    }
    return waits
  }

  /** Plugins whose PreBind has work, in groups that may run beside each other. */
  preBindGroups(cycle: CycleState, pod: Pod, nodeName: string): readonly (readonly PluginWith<'preBind'>[])[] {
    const groups: PluginWith<'preBind'>[][] = []
    let open: PluginWith<'preBind'>[] | undefined
    for (const plugin of this.plugins.preBind) {
      const flight = plugin.preBindPreFlight?.(pod, nodeName, cycle.read(plugin.name)) ?? { code: 'Sequential' }
      if (flight.code === 'Skip') continue
      if (flight.code === 'Parallel' && open !== undefined) open.push(plugin)
      else groups.push([plugin])
      open = flight.code === 'Parallel' ? groups.at(-1) : undefined
    }
    return groups
  }

  /** Throws what a plugin threw, and a rejection as an error: at this point both mean to try again later. */
  preBind(cycle: CycleState, pod: Pod, target: PreBindTarget): Promise<void> {
    return this.#timedAsync('PreBind', () => this.#preBind(cycle, pod, target))
  }

  async #preBind(cycle: CycleState, pod: Pod, target: PreBindTarget): Promise<void> {
    const { nodeName, signal } = target
    for (const group of target.groups) {
      const answers = await Promise.all(
        group.map((plugin) => plugin.preBind(pod, nodeName, { state: cycle.read(plugin.name), signal })),
      )
      for (const rejection of answers) if (rejection !== undefined) throw new Error(messageOf(rejection))
    }
  }

  /** Throws if binding failed, or if no plugin would bind the Pod. */
  bind(cycle: CycleState, pod: Pod, target: { nodeName: string; signal: AbortSignal }): Promise<void> {
    return this.#timedAsync('Bind', () => this.#bind(cycle, pod, target))
  }

  async #bind(cycle: CycleState, pod: Pod, target: { nodeName: string; signal: AbortSignal }): Promise<void> {
    for (const plugin of this.plugins.bind) {
      const context: BindContext<unknown> = { state: cycle.read(plugin.name), signal: target.signal }
      if ((await plugin.bind(pod, target.nodeName, context)) === undefined) return
    }
    throw new Error(`no Bind plugin took ${pod.metadata?.namespace}/${pod.metadata?.name}`)
  }

  postBind(cycle: CycleState, pod: Pod, nodeName: string): void {
    if (this.plugins.postBind.length === 0) return
    this.#timed('PostBind', () => {
      for (const plugin of this.plugins.postBind) plugin.postBind(pod, nodeName, cycle.read(plugin.name))
    })
  }
}
