/** One scheduling cycle up to the choice of a node: from a Pod to the node that suits it best, or to why none does. */
import type { Pod } from '../api/types.ts'
import type { CycleState } from './framework/cycle-state.ts'
import { extenderName, type FitDiagnosis, newDiagnosis, noteRejection, rejectNode } from './framework/diagnosis.ts'
import type { Extender } from './framework/extender.ts'
import type { Framework } from './framework/framework.ts'
import type { Snapshot } from './framework/handle.ts'
import type { LiveNodeInfo } from './framework/node-info.ts'
import { unresolvable } from './framework/status.ts'
import { filterByExtenders, scoreByExtenders } from './extenders/ask.ts'

export type ScheduleResult =
  | {
      readonly type: 'scheduled'
      readonly nodeName: string
      readonly cycle: CycleState
      readonly feasibleNodes: number
      readonly evaluatedNodes: number
    }
  | {
      readonly type: 'unschedulable'
      readonly cycle: CycleState
      readonly diagnosis: FitDiagnosis
      readonly evaluatedNodes: number
    }
  | { readonly type: 'noNodes' }

export interface CycleOptions {
  readonly framework: Framework
  readonly snapshot: Snapshot
  /** 0: adaptive, as upstream computes it. */
  readonly percentageOfNodesToScore: number
  /** Where a big cluster's search begins. */
  readonly startIndex: number
  readonly random: () => number
  /** Those that are interested in this Pod. */
  readonly extenders: readonly Extender[]
}

const minFeasibleNodes = 100

/** How many feasible nodes are enough in a big cluster. Upstream: numFeasibleNodesToFind. */
export const feasibleNodesToFind = (nodes: number, percentage: number): number => {
  if (nodes < minFeasibleNodes) return nodes
  const share = percentage === 0 ? Math.max(5, 50 - Math.floor(nodes / 125)) : percentage
  return share >= 100 ? nodes : Math.max(minFeasibleNodes, Math.floor((nodes * share) / 100))
}

interface Found {
  readonly feasible: readonly LiveNodeInfo[]
  readonly evaluated: number
}

/** Asks the filters about nodes, beginning at `startIndex`, until enough are feasible. */
const passFilters = (
  pod: Pod,
  nodes: readonly LiveNodeInfo[],
  { framework, startIndex, percentageOfNodesToScore, extenders, cycle, diagnosis }: CycleOptions & Context,
): Found => {
  const wantsScores = framework.plugins.score.length > 0 || extenders.length > 0
  const enough = wantsScores ? feasibleNodesToFind(nodes.length, percentageOfNodesToScore) : 1
  const feasible: LiveNodeInfo[] = []
  const startedAt = performance.now()
  let evaluated = 0
  while (evaluated < nodes.length && feasible.length < enough) {
    const info = nodes[(startIndex + evaluated++) % nodes.length]
    if (info === undefined) continue
    const rejection = framework.filterWithNominatedPods(cycle, pod, info)
    if (rejection === undefined) feasible.push(info)
    else rejectNode(diagnosis, info.name, rejection)
  }
  const status = feasible.length > 0 ? 'Success' : 'Unschedulable'
  framework.observeFilters(cycle, (performance.now() - startedAt) / 1000, status)
  return { feasible, evaluated }
}

interface Context {
  readonly cycle: CycleState
  readonly diagnosis: FitDiagnosis
}

/** The nodes that PreFilter left; the others get a common status. */
const candidatesOf = (
  { nodeNames, narrowedBy }: { nodeNames: ReadonlySet<string> | undefined; narrowedBy: readonly string[] },
  { snapshot, diagnosis }: CycleOptions & Context,
): readonly LiveNodeInfo[] => {
  if (nodeNames === undefined) return snapshot.nodes
  diagnosis.absentNodesStatus = unresolvable(`node(s) didn't satisfy plugin(s) [${narrowedBy.toSorted().join(' ')}]`)
  return [...nodeNames].flatMap((name) => snapshot.get(name) ?? [])
}

/** The first feasible node of: the nominated one, all candidates. Undefined: PreFilter rejected the Pod. */
const findFeasible = (pod: Pod, context: CycleOptions & Context): Found | undefined => {
  const { framework, snapshot, cycle, diagnosis } = context
  const outcome = framework.preFilter(cycle, pod, snapshot.nodes)
  for (const name of outcome.narrowedBy) diagnosis.unschedulablePlugins.add(name)
  if (outcome.rejection !== undefined) {
    diagnosis.absentNodesStatus = outcome.rejection
    diagnosis.preFilterRejection = outcome.rejection
    noteRejection(diagnosis, outcome.rejection)
    return undefined
  }
  const nominated = snapshot.get(pod.status?.nominatedNodeName ?? '')
  if (nominated !== undefined) {
    // Preemption made room there: most likely it is the only node that fits.
    const found = passFilters(pod, [nominated], { ...context, startIndex: 0 })
    if (found.feasible.length > 0) return found
  }
  return passFilters(pod, candidatesOf(outcome, context), context)
}

/** Index of the highest score; among equals, one at random, so that equal nodes fill alike. */
const pickHighest = (scores: readonly number[], random: () => number): number => {
  let best = 0
  let equals = 1
  for (let index = 1; index < scores.length; index++) {
    const difference = (scores[index] ?? 0) - (scores[best] ?? 0)
    if (difference > 0) {
      best = index
      equals = 1
    } else if (difference === 0 && random() < 1 / ++equals) {
      best = index
    }
  }
  return best
}

const conclude = (
  pod: Pod,
  { framework, random, cycle, diagnosis }: CycleOptions & Context,
  { feasible, evaluated, extra }: Found & { readonly extra?: readonly number[] },
): ScheduleResult => {
  if (feasible.length === 0) return { type: 'unschedulable', cycle, diagnosis, evaluatedNodes: evaluated }
  const scores = feasible.length === 1 ? [0] : framework.score(cycle, pod, feasible)
  if (extra !== undefined) for (const [index, score] of extra.entries()) scores[index] = (scores[index] ?? 0) + score
  const nodeName = feasible[pickHighest(scores, random)]?.name ?? ''
  return { type: 'scheduled', nodeName, cycle, feasibleNodes: feasible.length, evaluatedNodes: evaluated }
}

/** The extenders see what the filters left, one after the other, and score together. */
const askExtenders = async (pod: Pod, context: CycleOptions & Context, found: Found): Promise<ScheduleResult> => {
  const { extenders, diagnosis } = context
  const feasible = await filterByExtenders(pod, found.feasible, { extenders, diagnosis })
  // Nobody can say what would change an extender's mind: any event wakes the Pod.
  if (feasible.length < found.feasible.length) diagnosis.unschedulablePlugins.add(extenderName)
  const extra = feasible.length > 1 ? await scoreByExtenders(pod, feasible, extenders) : []
  return conclude(pod, context, { feasible, evaluated: found.evaluated, extra })
}

/**
 * Finds the node for a Pod. Synchronous, so that nothing changes meanwhile, unless an extender is to be asked. Throws
 * what a plugin, or an extender that must not be ignored, throws.
 */
export const schedulePod = (pod: Pod, options: CycleOptions): ScheduleResult | Promise<ScheduleResult> => {
  if (options.snapshot.nodes.length === 0) return { type: 'noNodes' }
  const context = { ...options, cycle: options.framework.newCycle(), diagnosis: newDiagnosis() }
  const found = findFeasible(pod, context) ?? { feasible: [], evaluated: 0 }
  if (options.extenders.length > 0 && found.feasible.length > 0) return askExtenders(pod, context, found)
  return conclude(pod, context, found)
}
