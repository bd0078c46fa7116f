/** The extenders' part in one scheduling cycle. */
import type { Pod } from '../../api/types.ts'
import { type FitDiagnosis, rejectNode } from '../framework/diagnosis.ts'
import type { Extender } from '../framework/extender.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import { maxNodeScore } from '../framework/scores.ts'
import { unresolvable, unschedulable } from '../framework/status.ts'

/** Highest score that an extender gives. */
const maxExtenderPriority = 10

/** What passes all extenders, asked one after the other. Rejects when one fails that must not be ignored. */
export const filterByExtenders = async (
  pod: Pod,
  nodes: readonly LiveNodeInfo[],
  { extenders, diagnosis }: { readonly extenders: readonly Extender[]; readonly diagnosis: FitDiagnosis },
): Promise<readonly LiveNodeInfo[]> => {
  let feasible = nodes
  for (const extender of extenders) {
    if (extender.filter === undefined || feasible.length === 0) continue
    try {
      const answer = await extender.filter(pod, feasible)
      for (const [name, message] of answer.failed) rejectNode(diagnosis, name, unschedulable(message))
      // A node that is named in both is beyond help.
      for (const [name, message] of answer.failedAndUnresolvable) rejectNode(diagnosis, name, unresolvable(message))
      feasible = answer.feasible
    } catch (error) {
      if (!extender.ignorable) throw error
    }
  }
  return feasible
}

/** Weighted scores in the order of the nodes; an extender that fails has no say. */
export const scoreByExtenders = async (
  pod: Pod,
  nodes: readonly LiveNodeInfo[],
  extenders: readonly Extender[],
): Promise<number[]> => {
  const totals = nodes.map(() => 0)
  await Promise.all(
    extenders.map(async (extender) => {
      const scores = await extender.prioritize?.(pod, nodes).catch(() => undefined)
      if (scores === undefined) return
      for (const [index, { name }] of nodes.entries()) {
        const score = scores.get(name) ?? 0
        totals[index] = (totals[index] ?? 0) + score * extender.weight * (maxNodeScore / maxExtenderPriority)
      }
    }),
  )
  return totals
}
