/** Which Pods would have to go from which nodes. Upstream: DryRunPreemption, SelectVictimsOnNode. */
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'
import type { CycleState } from '../framework/cycle-state.ts'
import type { PluginsRunner } from '../framework/handle.ts'
import { isLive, type LiveNodeInfo } from '../framework/node-info.ts'
import { type Rejection, unresolvable } from '../framework/status.ts'
import { divideByBudgets } from './disruption-budgets.ts'
import type { Candidate } from './pick-node.ts'
import { byImportance, priorityOf } from './pod-importance.ts'

export interface DryRunContext {
  readonly runner: PluginsRunner
  readonly cycle: CycleState
  readonly pdbs: readonly PodDisruptionBudget[]
  readonly nowMs: number
}

const noVictims = unresolvable('No preemption victims found for incoming pod')
const nodeIsGone = unresolvable('node(s) are gone')

/**
 * Takes all less important Pods off a copy of the node; if the Pod fits then, gives back as many as it can: first those
 * whose budget would break, and of those the most important first.
 */
const victimsOn = (pod: Pod, original: LiveNodeInfo, context: DryRunContext): Candidate | Rejection => {
  const { runner, pdbs, nowMs } = context
  const potential = [...original.pods.values()].filter((other) => priorityOf(other) < priorityOf(pod))
  if (potential.length === 0) return noVictims
  const info = original.clone()
  if (!isLive(info)) return nodeIsGone
  const cycle = runner.cloneState(context.cycle)
  const remove = (removed: Pod): void => {
    info.removePod(removed)
    runner.removePod(cycle, pod, { removed, info })
  }
  for (const other of potential) remove(other)
  const rejection = runner.filterWithNominatedPods(cycle, pod, info)
  if (rejection !== undefined) return rejection
  const victims: Pod[] = []
  /** Whether it may stay. */
  const reprieve = (other: Pod): boolean => {
    info.addPod(other)
    runner.addPod(cycle, pod, { added: other, info })
    if (runner.filterWithNominatedPods(cycle, pod, info) === undefined) return true
    remove(other)
    victims.push(other)
    return false
  }
  const order = byImportance(nowMs)
  const { violating, allowed } = divideByBudgets(potential.toSorted(order), pdbs)
  const pdbViolations = violating.filter((other) => !reprieve(other)).length
  for (const other of allowed) reprieve(other)
  if (victims.length === 0) throw new Error(`expected at least one victim pod on node "${info.name}"`)
  return { nodeName: info.name, pods: victims.sort(order), pdbViolations }
}

export interface DryRunResult {
  /** Those that break no budget first. */
  readonly candidates: readonly Candidate[]
  readonly nodeToStatus: Map<string, Rejection>
}

/** Tries nodes, from `offset` on, until it has `wanted` candidates of which at least one breaks no budget. */
export const dryRun = (
  pod: Pod,
  nodes: readonly LiveNodeInfo[],
  context: DryRunContext & { readonly offset: number; readonly wanted: number },
): DryRunResult => {
  const harmless: Candidate[] = []
  const violating: Candidate[] = []
  const nodeToStatus = new Map<string, Rejection>()
  for (let tried = 0; tried < nodes.length; tried++) {
    const info = nodes[(context.offset + tried) % nodes.length]
    if (info === undefined) continue
    const result = victimsOn(pod, info, context)
    if ('code' in result) {
      nodeToStatus.set(info.name, result)
      continue
    }
    ;(result.pdbViolations === 0 ? harmless : violating).push(result)
    if (harmless.length > 0 && harmless.length + violating.length >= context.wanted) break
  }
  return { candidates: [...harmless, ...violating], nodeToStatus }
}
